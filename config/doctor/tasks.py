"""What should happen by itself, by what the database and the spool tell of it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min

from config import health
from config.doctor import commands
from config.doctor.database import place
from config.doctor.files import folders
from config.doctor.findings import Answers, Finding, Installation, NotLooked, some_of
from practice.reads import monitoring
from practice.services.audit import sealing
from practice.services.audit.spool import Spool

OLDEST_GENERATION = timedelta(days=2)
LONGEST_ASIDE = 300  # seconds; as the alarm in docs/runbook.md
SHOWN = 5


def _named(practices: Collection[str]) -> str:
    return some_of(sorted(practices), SHOWN)


def trail_sealed(installation: Installation, now: datetime) -> Answers:
    """No event waits for its seal for long."""
    lag = sealing.lag()
    seconds = lag.seconds(now)
    if seconds > settings.AUDIT_LAG_WARNING_SECONDS:
        yield Finding(
            id="tasks.sealing",
            what=f"{lag.waiting} audit events wait for their seal, the oldest for "
            f"{_spell(seconds)}: until then they could be altered unseen.",
            where=place(),
            remedy="See whether the sealer runs; if it does, an event that cannot be sealed was "
            "tampered with: prove the trail.",
            command=f"systemctl restart appointments-seal\n{commands.manage('verify_audit')}",
        )


def spool_taken_in(installation: Installation, now: datetime) -> Answers:
    """What an outage left on this machine has come into the trail."""
    kept = Spool(folders(installation)["AUDIT_SPOOL"])
    try:
        aside, unreadable = kept.seconds(now), kept.count_unreadable()
        if kept.folder.exists():
            next(kept.folder.iterdir(), None)  # may we look into it at all?
    except PermissionError:
        yield NotLooked("audit events kept aside", f"{kept.folder}: it needs root")
        return
    if aside > LONGEST_ASIDE:
        yield Finding(
            id="spool.waiting",
            what=f"Audit events of an outage wait on this machine for {_spell(aside)}, and are not "
            "in the trail.",
            where=str(kept.folder),
            remedy="The sealer of this machine does not run, or may not read the folder. Nothing "
            "is lost: do not remove the files.",
            command="systemctl restart appointments-seal\njournalctl -u appointments-seal -n 50",
        )
    if unreadable:
        yield Finding(
            id="spool.unreadable",
            what=f"{unreadable} lines of what this machine kept aside in an outage are no events, "
            "and are not in the trail.",
            where=str(kept.unreadable),
            remedy="Read them, note what they tell, and move the file away, beside the log "
            "(docs/runbook.md, Database away).",
            command=f"less {kept.unreadable}",
        )


def diary_generated(installation: Installation, now: datetime) -> Answers:
    """The templates became diary lately, and the diary reaches far enough."""
    longest = OLDEST_GENERATION.total_seconds()
    old = {code for code, age in monitoring.generation_ages(now=now).items() if age > longest}
    if old:
        yield Finding(
            id="tasks.generation",
            what=f"The diary was not generated for two days or longer: {_named(old)}.",
            where=place(),
            remedy="See why the nightly run does not come or fails, and run it.",
            command="journalctl -u appointments-generate -n 50\n"
            + commands.manage("generate_slots"),
        )
    short = {
        f"{end.practice} ({end.days_left} days)"
        for end in monitoring.diary_ends(now=now)
        if health.runs_out(end)
    }
    if short:
        yield Finding(
            id="tasks.diary",
            what=f"The diary ends soon: {_named(short)}. Patients and 111 find less and less.",
            where=place(),
            remedy="Templates end, or generation fails: the dry run says which. The practice makes "
            "its templates last longer.",
            command=commands.manage("generate_slots --dry-run"),
        )


def nights_done(installation: Installation, now: datetime) -> Answers:
    """Days were closed, and last week has its return."""
    left = monitoring.days_left_open(now=now)
    if left:
        yield Finding(
            id="tasks.close-day",
            what=f"Appointments of past days are still marked as booked: {_named(left)}.",
            where=place(),
            remedy="See why the overnight tasks do not run or fail, and run this.",
            command=f"journalctl -u appointments-overnight -n 50\n{commands.manage('close_day')}",
        )
    missing = monitoring.weekly_returns_missing(now=now)
    if missing:
        yield Finding(
            id="tasks.weekly-return",
            what=f"Last week has no weekly return: {_named(missing)}.",
            where=place(),
            remedy="See why the overnight tasks do not run or fail, and run this.",
            command=f"journalctl -u appointments-overnight -n 50\n"
            f"{commands.manage('weekly_return --missing')}",
        )


def backups_made(installation: Installation, now: datetime) -> Answers:
    """The trail tells of a recent backup; a new installation has a while for its first."""
    longest = timedelta(days=settings.BACKUP_DAYS_WARNING)
    if not longest:
        yield NotLooked("backups", "BACKUP_DAYS_WARNING is 0: others see to them")
        return
    begun = MigrationRecorder.Migration.objects.aggregate(begun=Min("applied"))["begun"]
    if begun and begun > now - longest or monitoring.backup_since(now - longest):
        return
    yield Finding(
        id="tasks.backup",
        what=f"No backup was made for {longest.days} days or longer.",
        where=f"{place()}, by what the audit trail tells of backups",
        remedy="Make one, let a timer make one every night, and take them to another machine. If "
        "backups are made otherwise, set BACKUP_DAYS_WARNING=0.",
        command="systemctl enable --now appointments-backup.timer\n"
        "systemctl start appointments-backup",
    )


def _spell(seconds: float) -> str:
    for length, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
