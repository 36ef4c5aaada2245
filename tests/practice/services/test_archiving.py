"""manage.py archive_diary: what nobody ever booked goes into files, and everything else stays."""

import gzip
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from datetime import date, time, timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from practice import clock
from practice.exceptions import ArchiveRefused
from practice.models import Appointment, AppointmentSlot, AuditEvent, Schedule, Slot
from practice.reads import diary_check
from practice.reads.utilisation import utilisation
from practice.services import archiving
from practice.services.appointments import attendance, changing
from practice.services.folders import own_folder
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slots,
    make_template,
)
from workbench.paths import ROOT
from workbench.servers import database_url
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

TODAY = clock.today(timezone.now())
BEFORE = TODAY - timedelta(days=100)
OLD = (BEFORE - timedelta(days=45)).replace(day=10)
LATER = (OLD + timedelta(days=31)).replace(day=10)  # old too, in the month after


def session(day=OLD, slots=4, hour=9, **overrides) -> Schedule:
    """A session of a day with so many free slots."""
    schedule = make_schedule(start=clock.instant(day, time(hour)), **overrides)
    make_slots(slots, schedule)
    return schedule


def booked(slot) -> Appointment:
    """An appointment in an old slot, booked the day before it."""
    return make_appointment(slots=[slot], door="staff", now=slot.start - timedelta(days=1))


def cancel(appointment) -> None:
    """As staff do, an hour before it begins."""
    who = {
        "actor": make_actor(door="staff"),
        "now": appointment.start - timedelta(hours=1),
    }
    with transaction.atomic():
        found = changing.appointment_for_change(
            organisation=appointment.organisation, appointment_id=appointment.pk, **who
        )
        changing.cancel_appointment(appointment=found, reason="Better", **who)


def archive_diary(folder, *arguments, before=BEFORE) -> dict:
    said = StringIO()
    call_command(
        "archive_diary", "--before", str(before), "--to", str(folder), "--json", *arguments,
        stdout=said,
    )  # fmt: skip
    return json.loads(said.getvalue())


def records(folder) -> list[dict]:
    """Every line of every file, as somebody reads them who has only the files."""
    return [
        json.loads(line)
        for path in sorted(folder.rglob("*.gz"))
        for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]
    ]


def ids(folder, kind) -> list[int]:
    return [record["id"] for record in records(folder) if record["record"] == kind]


# ---------------------------------------------------------------- what goes and what stays


def test_slots_that_nobody_had_go_and_what_patients_had_stays(practice, tmp_path):
    """Live, cancelled and missed appointments keep slots and session; the rest of it goes."""
    schedule = session(slots=5)
    live, cancelled, missed, *free = schedule.slots.order_by("start")
    kept = [booked(live), booked(cancelled), booked(missed)]
    cancel(kept[1])
    attendance.mark(
        organisation=practice.organisation,
        appointment_id=kept[2].pk,
        status="noshow",
        actor=make_actor(door="staff"),
        now=missed.end,
    )
    empty = session(hour=14)
    gone = [slot.pk for slot in free] + list(
        empty.slots.order_by("pk").values_list("pk", flat=True)
    )

    said = archive_diary(tmp_path)

    assert list(Schedule.objects.all()) == [schedule]
    assert set(Slot.objects.all()) == {live, cancelled, missed}
    assert Appointment.objects.count() == 3
    assert ids(tmp_path, "slot") == gone
    assert ids(tmp_path, "session") == [empty.pk]
    [report] = said["practices"]
    assert (report["status"], report["slots"], report["sessions"]) == ("archived", 6, 1)


def test_the_diary_is_as_consistent_as_before(practice, tmp_path):
    schedule = session()
    booked(schedule.slots.order_by("start")[1])
    booked(session(LATER).slots.order_by("start")[0])
    session(hour=14)

    archive_diary(tmp_path)

    assert not diary_check.check(now=timezone.now()).faults


def test_blocked_and_withdrawn_slots_and_sessions_go_too(practice, tmp_path):
    schedule = session(slots=3)
    blocked, withdrawn, _ = schedule.slots.order_by("start")
    Slot.objects.filter(pk=blocked.pk).update(status="busy-unavailable", note="Fire drill")
    Slot.objects.filter(pk=withdrawn.pk).update(withdrawn=True)
    session(hour=14, slots=0, withdrawn=True)

    archive_diary(tmp_path)

    assert not Slot.objects.exists()
    assert not Schedule.objects.exists()
    assert {"busy-unavailable", "free"} == {
        record["status"] for record in records(tmp_path) if record["record"] == "slot"
    }


def test_a_busy_slot_without_an_appointment_stays_to_be_found(practice, tmp_path):
    """It is a fault, which check_diary names; archiving must not hide it."""
    schedule = session(slots=1)
    Slot.objects.update(status="busy")

    archive_diary(tmp_path)

    assert Slot.objects.get().schedule == schedule
    [fault] = diary_check.check(now=timezone.now()).faults
    assert fault.check == "busy_without_appointment"


def test_days_from_the_date_on_stay_and_so_does_a_night_that_ends_on_it(practice, tmp_path):
    night = make_schedule(start=clock.instant(BEFORE - timedelta(days=1), time(22)))
    make_slots(2, night)
    assert clock.local(night.end).date() == BEFORE
    on_the_day = session(BEFORE)

    archive_diary(tmp_path)

    assert set(Schedule.objects.all()) == {night, on_the_day}
    assert not list(tmp_path.iterdir())


def test_a_practice_is_left_alone_that_was_not_asked_for(practice, tmp_path):
    other = make_organisation()
    theirs = session(organisation=other)
    session()

    archive_diary(tmp_path, "--practice", practice.organisation.ods_code.lower())

    assert list(Schedule.objects.all()) == [theirs]
    assert [path.name for path in tmp_path.iterdir()] == [practice.organisation.ods_code]


def test_generation_does_not_bring_back_what_was_archived(practice, tmp_path):
    template = make_template(effective_from=OLD - timedelta(days=7))
    session(template=template, session_holder=template.session_holder)
    archive_diary(tmp_path)

    call_command("generate_slots", "--from", str(OLD), "--to", str(LATER), verbosity=0)

    assert not Schedule.objects.exists()


# ---------------------------------------------------------------- the files


def test_a_file_says_what_it_is_and_can_be_checked_without_this_program(practice, tmp_path):
    session()

    archive_diary(tmp_path)

    home = tmp_path / practice.organisation.ods_code
    name = f"{OLD:%Y-%m}.jsonl.gz"
    assert sorted(path.name for path in home.iterdir()) == [name, f"{name}.sha256"]
    assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    subprocess.run(["sha256sum", "--check", "--strict", f"{name}.sha256"], cwd=home, check=True)
    about, *rows, end = records(tmp_path)
    assert about["record"] == "about"
    assert "no patient ever had" in about["what"]
    assert (about["practice"], about["month"]) == (practice.organisation.ods_code, f"{OLD:%Y-%m}")
    assert end == {"record": "end", "sessions": 1, "slots": 4}
    assert [row["record"] for row in rows] == ["session", *["slot"] * 4]


def test_a_record_keeps_every_column_and_the_names_behind_the_ids(practice, tmp_path):
    schedule = session(slots=1)
    slot = Slot.objects.get()

    archive_diary(tmp_path)

    _, kept_session, kept, _ = records(tmp_path)
    for record, row in ((kept, slot), (kept_session, schedule)):
        for field in row._meta.concrete_fields:
            value = getattr(row, field.attname)
            expected = value.isoformat() if isinstance(value, date) else value
            assert record[field.attname] == expected, field.attname
    assert kept["session_holder"] == schedule.session_holder.family_name
    assert kept["location"] == schedule.location.name
    assert kept["date"] == OLD.isoformat()


def test_each_month_has_a_file_and_what_comes_later_a_further_part(practice, tmp_path):
    session(OLD)
    session(OLD + timedelta(days=1))
    session(LATER)
    home = tmp_path / practice.organisation.ods_code

    archive_diary(tmp_path, before=OLD + timedelta(days=1))
    archive_diary(tmp_path)

    assert [path.name for path in sorted(home.glob("*.gz"))] == [
        f"{OLD:%Y-%m}.2.jsonl.gz",
        f"{OLD:%Y-%m}.jsonl.gz",
        f"{LATER:%Y-%m}.jsonl.gz",
    ]
    assert len(ids(tmp_path, "slot")) == len(set(ids(tmp_path, "slot"))) == 12


def test_words_with_line_separators_and_accents_survive(practice, tmp_path):
    session(slots=1, session_name="Zoë\u2028clinic\nagain")

    archive_diary(tmp_path)

    assert records(tmp_path)[1]["session_name"] == "Zoë\u2028clinic\nagain"
    assert not Schedule.objects.exists()


# ---------------------------------------------------------------- again, in company, after a kill


def test_doing_it_again_changes_nothing(practice, tmp_path):
    schedule = session()
    booked(schedule.slots.order_by("start")[0])
    archive_diary(tmp_path)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*.*"))
    events = AuditEvent.objects.count()

    said = archive_diary(tmp_path)

    assert said["practices"][0] | {"status": ""} == {
        "practice": practice.organisation.ods_code,
        "status": "",
        "sessions": 0,
        "slots": 0,
        "files": [],
    }
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*.*")) == before
    assert AuditEvent.objects.count() == events


def test_a_dry_run_says_what_would_go_and_changes_nothing(practice, tmp_path):
    session()
    booked(session(hour=14).slots.order_by("start")[0])
    said = StringIO()

    call_command("archive_diary", "--before", str(BEFORE), "--dry-run", stdout=said)

    assert "nothing changed" in said.getvalue()
    assert f"{practice.organisation.ods_code}: 7 slots, 1 sessions" in said.getvalue()
    assert (Slot.objects.count(), Schedule.objects.count()) == (8, 2)
    practice.organisation.refresh_from_db()
    assert practice.organisation.diary_complete_from is None
    assert not AuditEvent.objects.filter(event=archiving.EVENT).exists()


def test_each_batch_that_goes_is_in_the_trail_with_its_file(practice, tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "BATCH", 3)
    session()

    archive_diary(tmp_path)

    [path] = tmp_path.rglob("*.gz")
    events = list(AuditEvent.objects.filter(event=archiving.EVENT).order_by("pk"))
    assert {event.organisation_id for event in events} == {practice.organisation.pk}
    assert {event.device for event in events} == {"manage.py archive_diary"}
    about = {
        "before": BEFORE.isoformat(),
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert [event.detail for event in events] == [
        {**about, "slots": 3},
        {**about, "slots": 1},
        {**about, "sessions": 1},
    ]


def before_batches_of(kind, act, monkeypatch):
    """Something else happens when it has been decided what a batch removes, and before it does."""
    remove_batch = archiving._Month.remove_batch

    def acted(month, its_kind, part, ids):
        if its_kind is kind:
            act()
        return remove_batch(month, its_kind, part, ids)

    monkeypatch.setattr(archiving._Month, "remove_batch", acted)


def test_what_changed_after_it_was_written_stays_until_it_is_written_anew(
    practice, tmp_path, monkeypatch
):
    session(slots=2)
    changed = Slot.objects.earliest("pk")
    note = Slot.objects.filter(pk=changed.pk).update
    before_batches_of(archiving.SLOT, lambda: note(note="Kept for a drill"), monkeypatch)
    archive_diary(tmp_path)
    assert list(Slot.objects.all()) == [changed]
    monkeypatch.undo()

    archive_diary(tmp_path)

    assert not Schedule.objects.exists()
    latest = [r for r in records(tmp_path) if r["record"] == "slot" and r["id"] == changed.pk]
    assert sorted(record["note"] for record in latest) == ["", "Kept for a drill"]


def test_a_slot_that_got_an_appointment_meanwhile_stays(practice, tmp_path, monkeypatch):
    """Nothing that was read before the lock decides: not even that the slot was empty."""
    session(slots=2)
    taken = Slot.objects.earliest("pk")
    before_batches_of(archiving.SLOT, lambda: booked(taken), monkeypatch)

    archive_diary(tmp_path)

    assert list(Slot.objects.all()) == [taken]
    assert AppointmentSlot.objects.get().slot == taken
    assert not diary_check.check(now=timezone.now()).faults


def test_a_session_that_got_a_slot_meanwhile_stays(practice, tmp_path, monkeypatch):
    schedule = session(slots=2)
    before_batches_of(archiving.SESSION, lambda: make_slots(1, schedule), monkeypatch)

    archive_diary(tmp_path)

    assert Slot.objects.get().schedule == schedule


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_nobody_is_waited_for_and_nobody_waits(practice, tmp_path):
    """A slot that somebody else has locked is passed over; the next run takes it."""
    session(slots=3)
    held = Slot.objects.earliest("pk")
    script = (
        "import sys; from django.db import transaction; from practice.models import Slot\n"
        "with transaction.atomic():\n"
        f"    list(Slot.objects.select_for_update().filter(pk={held.pk}))\n"
        "    print('locked', flush=True); sys.stdin.readline()\n"
    )
    with python(script) as rival:
        assert rival.stdout.readline() == "locked\n"

        archive_diary(tmp_path)

        assert list(Slot.objects.all()) == [held]
        rival.communicate("go\n", timeout=30)
    archive_diary(tmp_path)

    assert not Schedule.objects.exists()
    assert len(ids(tmp_path, "slot")) == 3


def test_two_runs_do_not_write_into_one_folder(practice, tmp_path, caplog):
    session()

    with (
        own_folder(tmp_path / practice.organisation.ods_code, ArchiveRefused),
        pytest.raises(CommandError, match=practice.organisation.ods_code) as refused,
    ):
        archive_diary(tmp_path)

    assert refused.value.returncode == 1
    assert "another run" in caplog.text
    assert Slot.objects.count() == 4


def test_nothing_is_removed_on_the_strength_of_a_file_that_was_changed(practice, tmp_path, caplog):
    session(slots=2)
    home = tmp_path / practice.organisation.ods_code
    span = archiving.Span(practice.organisation, BEFORE).months()[0]
    with own_folder(home, ArchiveRefused):
        lines = [line for _, line in archiving.SLOT.lines(span.unused(archiving.SLOT))]
        archiving.write_part(home / archiving.part_name(span.month, 1), ["{}", *lines, "{}"])
    path = next(home.glob("*.gz"))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"free", b"busy")))

    with pytest.raises(CommandError, match="Failed"):
        archive_diary(tmp_path)

    assert "not as it was written" in caplog.text
    assert Slot.objects.count() == 2


def test_nothing_is_removed_when_the_file_cannot_be_written(practice, tmp_path, caplog):
    session()
    (tmp_path / practice.organisation.ods_code).write_text("in the way")

    with pytest.raises(CommandError, match="Failed"):
        archive_diary(tmp_path)

    assert Slot.objects.count() == 4
    assert not AuditEvent.objects.filter(event=archiving.EVENT).exists()


# A process that dies by SIGKILL when a step is taken for the n-th time.
KILLED = """
import os, signal, sys
from django.core.management import call_command
from practice.services import archiving

def dying(step, at):
    def wrapped(*arguments, **named):
        global taken
        taken += 1
        if taken == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **named)
    return wrapped

taken, archiving.BATCH = 0, 3
owner = {owner}
setattr(owner, "{name}", dying(getattr(owner, "{name}"), {at}))
call_command("archive_diary", "--before", "{before}", "--to", "{folder}", verbosity=0)
"""


@contextmanager
def python(script):
    """A process of its own on the database of this test, with manage.py's settings."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", f"import django; django.setup()\n{script}"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        pytest.param("archiving.os", "rename", 1, id="before a file has its name"),
        pytest.param("archiving", "read_part", 1, id="after a file was written"),
        pytest.param("archiving._Month", "remove_batch", 2, id="between batches of slots"),
        pytest.param("archiving", "record_done", 3, id="in a batch, before it is committed"),
        pytest.param("archiving._Month", "remove_batch", 5, id="between slots and sessions"),
        pytest.param("archiving", "write_part", 2, id="between months"),
    ],
)
def test_a_run_that_is_killed_loses_and_doubles_nothing(practice, tmp_path, owner, name, at):
    schedules = [session(OLD, slots=5), session(OLD, hour=14, slots=5), session(LATER, slots=2)]
    kept = booked(schedules[0].slots.order_by("start")[0])
    slots = set(Slot.objects.values_list("pk", flat=True))
    stays = set(Slot.objects.filter(appointments=kept).values_list("pk", flat=True))
    script = KILLED.format(owner=owner, name=name, at=at, before=BEFORE, folder=tmp_path)

    with python(script) as run:
        run.communicate(timeout=60)
    left = set(Slot.objects.values_list("pk", flat=True))
    written = set(ids(tmp_path, "slot"))
    recorded = removed_by_the_trail("slots")
    archive_diary(tmp_path)

    assert run.returncode == -signal.SIGKILL
    assert left | written == slots
    assert len(left) < len(slots) or recorded == 0
    assert len(slots - left) == recorded
    assert set(Slot.objects.values_list("pk", flat=True)) == stays
    assert sorted(ids(tmp_path, "slot")) == sorted(slots - stays)
    assert sorted(ids(tmp_path, "session")) == sorted(each.pk for each in schedules[1:])
    assert (removed_by_the_trail("slots"), removed_by_the_trail("sessions")) == (11, 2)
    assert not list(tmp_path.rglob("*.partial"))


def removed_by_the_trail(what) -> int:
    events = AuditEvent.objects.filter(event=archiving.EVENT)
    return sum(event.detail.get(what, 0) for event in events)


# ---------------------------------------------------------------- the arguments


def test_the_last_ninety_days_are_refused(practice, tmp_path):
    session(TODAY - timedelta(days=95))

    with pytest.raises(CommandError, match="last 90 days stay") as refused:
        archive_diary(tmp_path, before=TODAY - timedelta(days=89))
    archive_diary(tmp_path, before=TODAY - timedelta(days=90))

    assert refused.value.returncode == 2
    assert not Schedule.objects.exists()


def test_days_to_keep_may_be_given_instead_of_a_date(practice, tmp_path):
    kept, _gone = session(TODAY - timedelta(days=199)), session(TODAY - timedelta(days=201))

    call_command("archive_diary", "--keep-days", "200", "--to", str(tmp_path), verbosity=0)

    assert list(Schedule.objects.all()) == [kept]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--before", str(BEFORE)], "Say where", id="no folder"),
        pytest.param(
            ["--before", str(BEFORE), "--dry-run", "--practice", "X1"], "X1", id="unknown practice"
        ),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(practice, arguments, message):
    session()

    with pytest.raises(CommandError, match=message) as refused:
        call_command("archive_diary", *arguments)

    assert refused.value.returncode == 2
    assert Slot.objects.count() == 4


def test_a_practice_that_fails_keeps_no_other_from_it(practice, tmp_path, monkeypatch):
    other = make_organisation(ods_code="Z99999")
    session()
    session(organisation=other)
    real = archiving.archive

    def broken(*, organisation, **arguments):
        if organisation == practice.organisation:
            raise OSError("the disk is full")
        return real(organisation=organisation, **arguments)

    monkeypatch.setattr(archiving, "archive", broken)

    with pytest.raises(CommandError, match=practice.organisation.ods_code) as failed:
        archive_diary(tmp_path)

    assert failed.value.returncode == 1
    assert {each.organisation for each in Schedule.objects.all()} == {practice.organisation}


# ---------------------------------------------------------------- the pages say where they begin


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    return client


def test_utilisation_gives_no_figures_for_archived_days(practice, receptionist, tmp_path):
    """Without the slots that nobody took, every archived day would look fully booked."""
    booked(session().slots.order_by("start")[0])
    booked(session(BEFORE).slots.order_by("start")[0])
    archive_diary(tmp_path)

    early = receptionist.get("/admin/utilisation/", {"first": str(OLD), "last": str(BEFORE)})
    since = receptionist.get("/admin/utilisation/", {"first": str(BEFORE), "last": str(BEFORE)})

    assert early.status_code == 422
    assert f"before {BEFORE.day} {BEFORE:%B %Y} are archived" in early.content.decode()
    assert since.status_code == 200
    total = utilisation(
        organisation=practice.organisation, first=BEFORE, last=BEFORE, now=timezone.now()
    ).total
    assert (total.offered, total.booked) == (4, 1)


def test_the_diary_says_that_empty_slots_of_a_day_are_archived(practice, receptionist, tmp_path):
    appointment = booked(session().slots.order_by("start")[0])
    archive_diary(tmp_path)

    old, since = (receptionist.get("/admin/diary/", {"date": str(day)}) for day in (OLD, BEFORE))

    assert appointment.patient.family_name in old.content.decode()
    assert "have been archived" in old.content.decode()
    assert "have been archived" not in since.content.decode()


def test_an_earlier_date_does_not_say_that_more_is_there(practice, tmp_path):
    session(OLD)
    session(LATER)
    archive_diary(tmp_path)
    session(OLD - timedelta(days=62))

    archive_diary(tmp_path, before=OLD - timedelta(days=1))

    practice.organisation.refresh_from_db()
    assert practice.organisation.diary_complete_from == BEFORE


def test_an_appointment_of_an_archived_day_is_shown_as_before(practice, receptionist, tmp_path):
    appointment = booked(session().slots.order_by("start")[1])
    address = f"/admin/practice/appointment/{appointment.pk}/change/"
    before = receptionist.get(address).context["entry"]

    archive_diary(tmp_path)

    assert receptionist.get(address).context["entry"] == before
