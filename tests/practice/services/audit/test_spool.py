"""What the trail could not take while the database was away comes into it afterwards, once."""

import fcntl
import json
import os
import resource
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, DataError, ProgrammingError, connection
from django.utils import timezone

from practice.models import AuditEvent
from practice.services.audit import recording, sealing, verifying
from practice.services.audit import spool as audit_spool
from workbench.factories import make_actor, make_organisation
from workbench.paths import ROOT


@pytest.fixture
def spool(settings, tmp_path) -> audit_spool.Spool:
    settings.AUDIT_SPOOL = str(tmp_path / "not there yet" / "audit")
    return audit_spool.spool()


def keep(ods_code, **overrides):
    facts = {
        "actor": make_actor(trace_id="4fd1", detail={"verb": "GET", "url": "/Patient?é=1"}),
        "event": "search slots",
        "outcome": "503",
        "now": timezone.now(),
        "spine_code": "INTERNAL_SERVER_ERROR",
        "diagnostics": "Come back later.",
        "patient_id": 7,
        "resource": "Appointment/9",
        "detail": {"half a pair": "\ud800", "nul": "\x00"},
    }
    recording.spool_event(ods_code=ods_code, **{**facts, **overrides})


def import_spooled() -> audit_spool.Imported:
    return audit_spool.import_spooled(now=timezone.now())


def files(spool):
    """What there is but locks."""
    return sorted(path.name for path in spool.folder.iterdir() if path.suffix)


def all_but_its_own(event):
    told = {name: getattr(event, name) for name in audit_spool.COLUMNS}
    told["detail"] = {key: value for key, value in event.detail.items() if key != audit_spool.KEPT}
    return told | {"recorded_at": event.recorded_at, "organisation": event.organisation}


# ---------------------------------------------------------------- into the trail


@pytest.mark.django_db
@pytest.mark.req("AUD-002", "AUD-003")
def test_an_event_of_an_outage_is_in_the_trail_as_if_it_had_been_recorded_at_once(spool):
    organisation = make_organisation()
    happened = timezone.now() - timedelta(hours=3)
    keep(organisation.ods_code, now=happened)
    kept = import_spooled().stored
    late = AuditEvent.objects.get()

    actor = make_actor(trace_id="4fd1", detail={"verb": "GET", "url": "/Patient?é=1"})
    recording.record(
        organisation=organisation,
        actor=actor,
        event="search slots",
        outcome="503",
        now=happened,
        spine_code="INTERNAL_SERVER_ERROR",
        diagnostics="Come back later.",
        patient_id=7,
        resource="Appointment/9",
        detail={"half a pair": "\ud800", "nul": "\x00"},
    )

    assert kept == 1
    assert all_but_its_own(late) == all_but_its_own(AuditEvent.objects.exclude(pk=late.pk).get())
    assert late.detail[audit_spool.KEPT]["stored_at"] > happened.isoformat()
    assert files(spool) == []
    assert import_spooled().stored == 0


@pytest.mark.django_db
@pytest.mark.req("AUD-008")
def test_it_is_sealed_like_any_other_and_its_date_alarms_nobody(spool):
    organisation = make_organisation()
    recorded = {"organisation": organisation, "actor": make_actor(), "event": "x", "outcome": "ok"}
    now = timezone.now()
    recording.record(**recorded, now=now)
    keep(organisation.ods_code, now=now - timedelta(hours=3))
    import_spooled()
    sealing.seal_everything(now=now)

    trail, *_ = verifying.verify(organisation=organisation)
    assert (trail.sealed, trail.faults, trail.warnings) == (2, [], [])

    recording.record(**recorded, now=now - timedelta(hours=3))
    sealing.seal_everything(now=now)
    trail, *_ = verifying.verify(organisation=organisation)
    assert len(trail.warnings) == 1, "the date of one that was not kept aside does"


@pytest.mark.django_db
def test_what_addressed_no_practice_of_ours_is_in_the_trail_of_none(spool):
    organisation = make_organisation()
    keep(organisation.ods_code)
    keep("Z99999")
    keep(organisation.ods_code.lower())

    assert import_spooled().stored == 3
    assert AuditEvent.objects.filter(organisation=organisation).count() == 1
    assert AuditEvent.objects.filter(organisation=None).count() == 2


@pytest.mark.django_db
def test_many_are_taken_in_in_order_by_few_statements(
    spool, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(audit_spool, "BATCH", 20)
    organisation = make_organisation()
    for number in range(50):
        keep(organisation.ods_code, resource=f"Appointment/{number}")

    with django_assert_max_num_queries(15):
        assert import_spooled().stored == 50

    resources = AuditEvent.objects.order_by("pk").values_list("resource", flat=True)
    assert list(resources) == [f"Appointment/{number}" for number in range(50)]


@pytest.mark.django_db
def test_the_sealer_takes_them_in_first(spool, capsys):
    keep(make_organisation().ods_code)

    call_command("seal_audit")

    assert "1 events taken in that were kept aside\n1 events sealed" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [PermissionError("the folder is another's"), DataError("torn")])
def test_what_cannot_be_taken_in_does_not_hold_up_the_sealing(spool, monkeypatch, capsys, fault):
    organisation = make_organisation()
    recording.record(
        organisation=organisation,
        actor=make_actor(),
        event="x",
        outcome="ok",
        now=timezone.now(),
    )

    def fail(**_):
        raise fault

    monkeypatch.setattr(audit_spool, "import_spooled", fail)
    call_command("seal_audit")

    said = capsys.readouterr()
    assert "1 events sealed" in said.out
    assert f"not taken in yet: {fault}" in said.err


# ---------------------------------------------------------------- once, whatever happens


@pytest.mark.django_db
@pytest.mark.parametrize("stored", ["all of them", "none"])
def test_one_that_dies_while_taking_in_neither_loses_nor_doubles_any(spool, monkeypatch, stored):
    """It dies with the database's answer to COMMIT still on its way: it may have stored all."""
    organisation = make_organisation()
    for number in range(3):
        keep(organisation.ods_code, resource=f"Appointment/{number}")

    def die(*_):
        raise DatabaseError("the connection was lost")

    where = (AuditEvent.objects, "bulk_create") if stored == "none" else (audit_spool, "_set_aside")
    with monkeypatch.context() as patched:
        patched.setattr(*where, die)
        with pytest.raises(DatabaseError):
            import_spooled()
    assert files(spool) == ["importing.jsonl"]
    keep(organisation.ods_code, resource="Appointment/3")

    assert import_spooled().stored == (3 if stored == "none" else 0)
    assert import_spooled().stored == 1
    resources = AuditEvent.objects.order_by("pk").values_list("resource", flat=True)
    assert list(resources) == [f"Appointment/{number}" for number in range(4)]
    assert files(spool) == []


@pytest.mark.django_db
def test_while_another_process_takes_in_nothing_is_done(spool):
    keep(make_organisation().ods_code)
    with (spool.folder / "importing").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert import_spooled().stored == 0

    assert import_spooled().stored == 1


@pytest.mark.django_db
def test_what_the_version_before_left_half_imported_is_imported_once(spool):
    """It may have stored some of it; and new events came since."""
    organisation = make_organisation()
    for number in range(2):
        keep(organisation.ods_code, resource=f"Appointment/{number}")
    left = spool.lines.read_bytes()
    assert import_spooled().stored == 2
    keep(organisation.ods_code, resource="Appointment/2")
    left += spool.lines.read_bytes()
    spool.lines.unlink()
    (spool.folder / "taking.jsonl").write_bytes(left)
    keep(organisation.ods_code, resource="Appointment/3")

    assert spool.has_events
    assert [import_spooled().stored for _ in range(3)] == [1, 1, 0]

    resources = AuditEvent.objects.order_by("pk").values_list("resource", flat=True)
    assert list(resources) == [f"Appointment/{number}" for number in range(4)]
    assert files(spool) == []


@pytest.mark.django_db
def test_what_the_version_before_is_still_importing_is_left_to_it(spool):
    keep(make_organisation().ods_code)
    spool.lines.rename(spool.folder / "taking.jsonl")
    with (spool.folder / "taking").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert import_spooled().stored == 0
        assert files(spool) == ["taking.jsonl"]

    assert import_spooled().stored == 1


@pytest.mark.django_db
def test_a_line_that_cannot_be_read_is_set_aside_and_the_others_are_not_held_up(spool, caplog):
    organisation = make_organisation()
    keep(organisation.ods_code)
    with spool.lines.open("ab") as file:
        file.write(b'{"name": "torn\n\xff\n{"name": "of another version"}\n')
    keep(organisation.ods_code)

    assert import_spooled().stored == 2
    assert (
        spool.unreadable.read_bytes() == b'{"name": "torn\n\xff\n{"name": "of another version"}\n'
    )
    assert "3 lines of the audit spool cannot be read" in caplog.text


def line_of(**overrides):
    """A line of the spool, as it is but for these."""
    kept = audit_spool.spool()
    keep("A11111", resource="Appointment/spoilt")
    *others, last = kept.lines.read_bytes().splitlines(keepends=True)
    kept.lines.write_bytes(b"".join(others))
    return json.dumps({**json.loads(last), **overrides}).encode() + b"\n"


BAD = {
    "a door too long for its column": {"door": "x" * 11},
    "an outcome too long": {"outcome": "x" * 2000},
    "nothing where something must be": {"event": None},
    "a number that no column holds": {"patient_id": 2**70},
    "a word for a number": {"patient_id": "seven"},
    "a list for a practice": {"ods_code": ["A11111"]},
    "a list for a name": {"name": ["x"]},
    "a detail that is a text": {"detail": "x"},
    "NUL in a text": {"user_name": "a\x00b"},
    "NUL in the detail": {"detail": {"a": "\x00"}},
    "half a pair": {"user_name": "\ud800"},
    "half a pair in the detail": {"detail": {"a": "\ud800"}},
    "no time zone": {"recorded_at": "2026-11-25T19:00:00"},
    "a time before all time": {"recorded_at": "0001-01-01T00:00:00+14:00"},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("overrides", BAD.values(), ids=BAD.keys())
@pytest.mark.django_db(transaction=True)
def test_a_line_that_the_trail_cannot_take_is_set_aside_and_holds_nothing_up(
    spool, caplog, overrides
):
    """All that is kept after it would wait for ever, and the sealer die of some."""
    organisation = make_organisation(ods_code="A11111")
    keep("A11111", resource="Appointment/1")
    bad = line_of(**overrides)
    with spool.lines.open("ab") as file:
        file.write(bad)
    keep("A11111", resource="Appointment/2")

    done = import_spooled()

    events = AuditEvent.objects.filter(organisation=organisation)
    resources = events.order_by("pk").values_list("resource", flat=True)
    if done.unreadable:
        assert done == audit_spool.Imported(stored=2, unreadable=1)
        assert list(resources) == ["Appointment/1", "Appointment/2"]
        assert spool.unreadable.read_bytes() == bad
        assert "cannot be read" in caplog.text
    else:  # SQLite takes what PostgreSQL does not
        assert connection.vendor == "sqlite"
        assert len(resources) == 3
    assert files(spool) == (["unreadable.jsonl"] if done.unreadable else [])


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_with_the_database_sets_nothing_aside(spool, monkeypatch):
    """A missing right, say, is no fault of the lines."""
    keep(make_organisation().ods_code)

    def fail(*_):
        raise ProgrammingError("permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(AuditEvent.objects, "bulk_create", fail)
        with pytest.raises(ProgrammingError):
            import_spooled()

    assert files(spool) == ["importing.jsonl"]
    assert import_spooled().stored == 1


@pytest.mark.django_db
def test_the_sealer_says_so_and_ends_with_a_fault_but_seals(spool, capsys):
    organisation = make_organisation()
    keep(organisation.ods_code)
    with spool.lines.open("ab") as file:
        file.write(b"torn\n")

    with pytest.raises(CommandError, match="1 lines of the audit spool cannot be read"):
        call_command("seal_audit")

    assert "1 events taken in that were kept aside\n1 events sealed" in capsys.readouterr().out
    assert spool.count_unreadable() == 1


def test_a_line_after_a_torn_one_is_a_line_of_its_own(spool):
    """The machine stopped while the one before was being written."""
    keep("A11111")
    torn = spool.lines.read_bytes()[:40]
    spool.lines.write_bytes(torn)

    keep("A11111")

    first, second = spool.lines.read_bytes().splitlines()
    assert first == torn
    assert json.loads(second)["ods_code"] == "A11111"


WRITER = """
import django; django.setup()
from django.utils import timezone
from practice.services.audit import recording
for number in range(40):
    recording.spool_event(
        ods_code="A11111",
        actor=recording.Actor(door="gp-connect", trace_id="x" * 50),
        event=str(number),
        outcome="503",
        now=timezone.now(),
        detail={"long": "y" * 9000},
    )
"""


def test_processes_that_keep_at_once_do_not_tear_each_others_lines(spool):
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_DEBUG": "1",
        "AUDIT_SPOOL": str(spool.folder),
        "PYTHONPATH": str(ROOT),
    }
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER], env=environment, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]

    told = [json.loads(line)["event"] for line in spool.lines.read_text().splitlines()]
    assert sorted(told) == sorted(str(number) for number in [*range(40)] * 3)


# ---------------------------------------------------------------- the files


def test_only_we_may_read_what_is_kept(spool):
    keep("A11111")

    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert spool.lines.stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_a_full_disk_is_in_the_log_and_leaves_no_half_line(spool, caplog):
    """As much of the line as still had room is taken back. The limit of a file plays the disk."""
    keep("A11111")
    whole = spool.lines.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 40, before[1]))
    try:
        keep("A11111")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    [lost] = [each for each in caplog.records if each.message == "audit event lost"]
    assert "No space left" in lost.fields["why"]
    assert lost.fields["outcome"] == "503"
    assert spool.lines.read_bytes() == whole
    assert import_spooled().stored == 1


def test_a_folder_that_cannot_be_written_is_noticed_before(settings, spool, tmp_path):
    assert spool.is_writable
    assert files(spool) == []
    (tmp_path / "file").touch()
    settings.AUDIT_SPOOL = str(tmp_path / "file" / "audit")

    assert not audit_spool.spool().is_writable


@pytest.mark.parametrize("room", [0, 100, 4000], ids=lambda room: f"{room} bytes are left")
def test_a_disk_without_room_for_an_event_is_noticed_before(spool, room):
    """Whoever may write to a folder cannot, for that, write into it. A limit plays the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        assert not spool.is_writable
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert spool.is_writable


@pytest.mark.skipif(os.geteuid() != 0, reason="about root, who may mount")
def test_a_full_file_system_is_noticed_before(settings, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        settings.AUDIT_SPOOL = str(tmp_path)
        assert audit_spool.spool().is_writable
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "full").write_bytes(b"x" * 2**20)
        assert not audit_spool.spool().is_writable
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_how_long_the_oldest_waits(spool):
    now = timezone.now()
    assert spool.seconds(now) == 0
    keep("A11111", now=now - timedelta(seconds=90))
    keep("A11111", now=now)
    assert spool.seconds(now) == 90

    spool.lines.write_bytes(b"torn\n")
    assert 0 <= spool.seconds(timezone.now()) < 60
