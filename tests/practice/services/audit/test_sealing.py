"""The trail is numbered without gaps, chained, and nothing can be done to it unseen."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting
from practice.services.audit import recording, sealing
from practice.services.audit.sealing import Kind
from tests.append_only import unprotected
from workbench.factories import make_actor, make_organisation
from workbench.paths import ROOT
from workbench.servers import database_url


def record(organisation, number=1, **overrides):
    """Add events to a practice's trail, or to that of no practice."""
    for n in range(number):
        fields = {
            "organisation": organisation,
            "actor": make_actor(trace_id=f"trace {n}"),
            "event": "appointment.booked",
            "outcome": "ok",
            "now": timezone.now(),
            "resource": f"Appointment/{n}",
            "patient_id": 7,
            "detail": {"sent": 1.5, "name": "Zoë", "codes": ["b", "a"]},
        }
        recording.record(**{**fields, **overrides})


def seal():
    return sealing.seal_everything(now=timezone.now())


def sealed_trail(number=6):
    """A practice whose trail holds so many sealed events."""
    organisation = make_organisation()
    record(organisation, number)
    seal()
    return organisation


def tamper(*statements):
    """Do something to the tables as an intruder with the owner's rights could."""
    with unprotected(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def event_id(organisation, sequence):
    return AuditSeal.objects.get(organisation=organisation, sequence=sequence).event_id


def check(organisation, **published):
    trail, *_ = sealing.verify(organisation=organisation, **published)
    return trail


def first_fault(organisation):
    faults = check(organisation).faults
    return (faults[0].kind, faults[0].sequence) if faults else None


# ---------------------------------------------------------------- sealing


@pytest.mark.req("AUD-008")
@pytest.mark.django_db
def test_each_practice_has_its_own_numbers_without_gaps():
    one, other = make_organisation(), make_organisation()
    for _ in range(3):
        record(one)
        record(other)
        record(None)

    sealed = seal()

    assert sealed == {one.pk: 3, other.pk: 3, None: 3}
    for organisation in (one, other, None):
        seals = AuditSeal.objects.filter(organisation=organisation).order_by("sequence")
        assert list(seals.values_list("sequence", flat=True)) == [1, 2, 3]
    assert not AuditWaiting.objects.exists()
    assert [trail.faults for trail in sealing.verify()] == [[], [], []]


@pytest.mark.django_db
def test_sealing_again_changes_nothing_and_goes_on_where_it_stopped():
    organisation = sealed_trail(2)
    before = list(AuditSeal.objects.values())

    again = seal()
    record(organisation, 2)
    seal()

    assert again == {}
    assert list(AuditSeal.objects.filter(sequence__lte=2).values()) == before
    assert check(organisation).sealed == 4
    assert check(organisation).faults == []


@pytest.mark.django_db
def test_sealing_goes_on_after_a_stop_between_two_batches(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 2)
    organisation = make_organisation()
    record(organisation, 5)

    sealing.seal_batch(organisation.pk, now=timezone.now())
    halfway = check(organisation)
    seal()

    assert (halfway.sealed, halfway.waiting.waiting, halfway.faults) == (2, 3, [])
    assert check(organisation).sealed == 5
    assert check(organisation).faults == []


@pytest.mark.django_db
def test_a_batch_costs_the_same_queries_however_many_events():
    organisation = sealed_trail(1)  # the head is there
    statements = []

    for number in (1, 60):
        record(organisation, number)
        with connection.execute_wrapper(count := Count()):
            sealing.seal_batch(organisation.pk, now=timezone.now())
        statements.append(count.statements)

    assert statements[0] == statements[1] <= 9


class Count:
    statements = 0

    def __call__(self, execute, sql, params, many, context):
        self.statements += 1
        return execute(sql, params, many, context)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sealers_at_the_same_time_leave_one_unbroken_trail():
    organisation = make_organisation()
    record(organisation, 40)

    def seal_and_record(_):
        try:
            for _ in range(5):
                record(organisation)
                seal()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(seal_and_record, range(4)))
    seal()

    assert check(organisation).sealed == 60
    assert check(organisation).faults == []
    assert not AuditWaiting.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_whose_transaction_is_rolled_back_leaves_no_gap():
    organisation = make_organisation()
    record(organisation)
    with transaction.atomic():
        record(organisation)
        transaction.set_rollback(True)
    record(organisation)

    seal()

    assert check(organisation).sealed == 2
    assert check(organisation).faults == []


def test_a_hash_covers_every_column_of_an_event():
    """A new column needs a new format, so that what is sealed stays provable."""
    assert set(sealing.FORMATS[sealing.FORMAT]) == {
        field.attname for field in AuditEvent._meta.concrete_fields
    }


@pytest.mark.django_db
def test_a_hash_can_be_computed_from_its_description_alone():
    """By an auditor without this software."""
    from hashlib import sha256

    organisation = make_organisation()
    now = timezone.now()
    record(organisation, now=now)
    seal()
    event, first = AuditEvent.objects.get(), AuditSeal.objects.get()

    def instant(moment):
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")

    columns = {name: getattr(event, name) for name in sealing.FORMATS[1]}
    columns["recorded_at"] = instant(now)
    line = json.dumps(
        {"event": columns, "format": 1, "sealed_at": instant(first.sealed_at), "sequence": 1},
        sort_keys=True,
        separators=(",", ":"),
    )
    assert first.hash == sha256(f"\n{line}".encode("ascii")).hexdigest()


# ---------------------------------------------------------------- append-only


@pytest.mark.req("AUD-013")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE practice_auditevent SET user_name = 'Nobody'",
        "DELETE FROM practice_auditevent",
        "UPDATE practice_auditseal SET hash = ''",
        "DELETE FROM practice_auditseal",
        "UPDATE practice_audithead SET sequence = 0",
        "UPDATE practice_audithead SET organisation_id = NULL, sequence = sequence + 1",
        "DELETE FROM practice_audithead",
        pytest.param(
            "TRUNCATE practice_auditevent CASCADE", marks=pytest.mark.postgresql, id="truncate"
        ),
    ],
)
@pytest.mark.django_db
def test_the_database_itself_refuses_to_change_the_trail(statement):
    sealed_trail(1)
    connection.check_constraints()  # or PostgreSQL will not TRUNCATE for a reason of its own

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditSeal.objects.count() == 1


@pytest.mark.req("AUD-010")
@pytest.mark.django_db(transaction=True)
def test_protection_that_was_switched_off_is_noticed():
    organisation = sealed_trail(1)
    assert sealing.unprotected() == []

    if connection.vendor == "postgresql":
        off = ["ALTER TABLE practice_auditevent DISABLE TRIGGER audit_append_only"]
        on = ["ALTER TABLE practice_auditevent ENABLE TRIGGER audit_append_only"]
    else:
        with connection.cursor() as cursor:
            name = "practice_auditevent_no_update"
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name])
            on = [cursor.fetchone()[0]]
        off = [f"DROP TRIGGER {name}"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(off[0])
        assert first_fault(organisation) == (Kind.UNPROTECTED, None)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(on[0])


@pytest.mark.req("AUD-010", "AUD-017")
@pytest.mark.postgresql
@pytest.mark.django_db
def test_the_serving_role_can_do_its_work_without_a_right_to_change_the_trail():
    """As deploy/postgresql/rights.sql gives it; what it lacks is refused before any trigger."""
    rights = (ROOT / "deploy" / "postgresql" / "rights.sql").read_text(encoding="utf-8")
    organisation = make_organisation()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE appointments; {rights}")
        cursor.execute("SET LOCAL ROLE appointments")

        record(organisation, 2)
        assert seal() == {organisation.pk: 2}
        assert check(organisation).faults == []
        for table in ("practice_auditevent", "practice_auditseal", "practice_audithead"):
            for statement in (
                "DELETE FROM {}",
                "TRUNCATE {}",
                "ALTER TABLE {} DISABLE TRIGGER ALL",
            ):
                with pytest.raises(ProgrammingError), transaction.atomic():
                    cursor.execute(statement.format(table))
        for table in ("practice_auditevent", "practice_auditseal"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                cursor.execute(f"UPDATE {table} SET organisation_id = NULL")
        cursor.execute("RESET ROLE")


# ---------------------------------------------------------------- what is done to it is found


@pytest.mark.req("AUD-008", "AUD-013")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("recorded_at", "'2020-01-01 00:00:00'"),
        ("door", "'staff'"),
        ("event", "'appointment.cancelled'"),
        ("outcome", "'refused'"),
        ("spine_code", "'X'"),
        ("diagnostics", "'X'"),
        ("trace_id", "'X'"),
        ("user_id", "'X'"),
        ("user_name", "'X'"),
        ("user_role", "'X'"),
        ("user_organisation", "'X'"),
        ("on_authority_of", "'X'"),
        ("device", "'X'"),
        ("address", "'X'"),
        ("patient_id", "8"),
        ("patient_id", "NULL"),
        ("resource", "'Appointment/99'"),
        ("detail", "'{\"sent\": 1.5}'"),
        ("organisation_id", "NULL"),
    ],
)
@pytest.mark.django_db
def test_an_altered_event_is_named(column, value):
    organisation = sealed_trail()
    pk = event_id(organisation, 3)

    tamper(f"UPDATE practice_auditevent SET {column} = {value} WHERE id = {pk}")

    fault = check(organisation).faults[0]
    assert (fault.kind, fault.sequence, fault.event_id) == (Kind.ALTERED, 3, pk)


def renumber(organisation, sequence, by):
    pk = event_id(organisation, sequence)
    change = f"SET sequence = sequence + {by} WHERE event_id = {pk}"
    return f"UPDATE practice_auditseal {change}"


def set_head(organisation, sequence):
    change = f"SET sequence = {sequence} WHERE organisation_id = {organisation.pk}"
    return f"UPDATE practice_audithead {change}"


def copied_seal(organisation, sequence, to):
    columns = "organisation_id, {}, sealed_at, format, hash"
    return (
        f"INSERT INTO practice_auditseal (event_id, {columns.format('sequence')}) "
        f"SELECT 999999, {columns.format(to)} FROM practice_auditseal "
        f"WHERE sequence = {sequence} AND organisation_id = {organisation.pk}"
    )


def removed_event(organisation):
    pk = event_id(organisation, 3)
    return [f"DELETE FROM practice_auditevent WHERE id = {pk}"], (Kind.REMOVED, 3)


def removed_seal(organisation):
    pk = event_id(organisation, 3)
    return [f"DELETE FROM practice_auditseal WHERE event_id = {pk}"], (Kind.REMOVED, 3)


def removed_both(organisation):
    pk = event_id(organisation, 3)
    statements = [
        f"DELETE FROM practice_auditseal WHERE event_id = {pk}",
        f"DELETE FROM practice_auditevent WHERE id = {pk}",
    ]
    return statements, (Kind.REMOVED, 3)


def removed_and_numbered_anew(organisation):
    statements, _ = removed_both(organisation)
    # In steps of one, from the front, so that no number is ever there twice.
    statements += [renumber(organisation, sequence, by=-1) for sequence in (4, 5, 6)]
    statements.append(set_head(organisation, 5))
    return statements, (Kind.ALTERED, 3)


def removed_end(organisation):
    pks = f"({event_id(organisation, 5)}, {event_id(organisation, 6)})"
    statements = [
        f"DELETE FROM practice_auditseal WHERE event_id IN {pks}",
        f"DELETE FROM practice_auditevent WHERE id IN {pks}",
    ]
    return statements, (Kind.END_REMOVED, 5)


def removed_everything(organisation):
    statements = ["DELETE FROM practice_auditseal", "DELETE FROM practice_auditevent"]
    return statements, (Kind.END_REMOVED, 1)


def removed_head(organisation):
    return ["DELETE FROM practice_audithead"], (Kind.INSERTED, 1)


def altered_seal(organisation):
    pk = event_id(organisation, 3)
    statement = f"UPDATE practice_auditseal SET sealed_at = '2020-01-01' WHERE event_id = {pk}"
    return [statement], (Kind.ALTERED, 3)


def swapped_numbers(organisation):
    third, fourth = event_id(organisation, 3), event_id(organisation, 4)
    statements = [
        f"UPDATE practice_auditseal SET sequence = 99 WHERE event_id = {third}",
        f"UPDATE practice_auditseal SET sequence = 3 WHERE event_id = {fourth}",
        f"UPDATE practice_auditseal SET sequence = 4 WHERE event_id = {third}",
    ]
    return statements, (Kind.ALTERED, 3)


def swapped_events(organisation):
    """The numbers and hashes stay, the events below them change places."""
    third, fourth = event_id(organisation, 3), event_id(organisation, 4)
    statements = [
        f"UPDATE practice_auditevent SET id = 999999 WHERE id = {third}",
        f"UPDATE practice_auditevent SET id = {third} WHERE id = {fourth}",
        f"UPDATE practice_auditevent SET id = {fourth} WHERE id = 999999",
    ]
    return statements, (Kind.ALTERED, 3)


COLUMNS = ", ".join(sealing.FORMATS[1][1:])


def copied_event(organisation):
    pk = event_id(organisation, 3)
    statement = (
        f"INSERT INTO practice_auditevent (id, {COLUMNS}) "
        f"SELECT 999999, {COLUMNS} FROM practice_auditevent WHERE id = {pk}"
    )
    return [statement], (Kind.INSERTED, None)


def copied_event_with_a_seal_in_the_middle(organisation):
    statements, _ = copied_event(organisation)
    statements += [renumber(organisation, sequence, by=1) for sequence in (6, 5, 4)]
    statements.append(copied_seal(organisation, 3, to=4))
    statements.append(set_head(organisation, 7))
    return statements, (Kind.ALTERED, 4)


def copied_event_with_a_seal_at_the_end(organisation):
    statements, _ = copied_event(organisation)
    statements.append(copied_seal(organisation, 6, to=7))
    return statements, (Kind.ALTERED, 7)


def queued_again(organisation):
    pk = event_id(organisation, 3)
    statement = (
        "INSERT INTO practice_auditwaiting (event_id, organisation_id) "
        f"VALUES ({pk}, {organisation.pk})"
    )
    return [statement], (Kind.INSERTED, None)


@pytest.mark.req("AUD-008", "AUD-013")
@pytest.mark.parametrize(
    "intrusion",
    [
        removed_event,
        removed_seal,
        removed_both,
        removed_and_numbered_anew,
        removed_end,
        removed_everything,
        removed_head,
        altered_seal,
        swapped_numbers,
        swapped_events,
        copied_event,
        copied_event_with_a_seal_in_the_middle,
        copied_event_with_a_seal_at_the_end,
        queued_again,
    ],
)
@pytest.mark.django_db(transaction=True)
def test_what_an_intruder_does_is_found_and_the_first_broken_record_named(intrusion):
    organisation = sealed_trail()
    statements, found = intrusion(organisation)

    tamper(*statements)

    assert first_fault(organisation) == found


@pytest.mark.django_db(transaction=True)
def test_an_event_that_was_removed_while_it_waited_is_missed():
    organisation = sealed_trail()
    record(organisation)
    pk = AuditWaiting.objects.get().pk

    tamper(f"DELETE FROM practice_auditevent WHERE id = {pk}")
    seal()

    fault = check(organisation).faults[0]
    assert (fault.kind, fault.event_id) == (Kind.REMOVED, pk)


@pytest.mark.django_db(transaction=True)
def test_only_the_trail_that_was_broken_is_called_broken():
    broken, whole = sealed_trail(), sealed_trail()
    pk = event_id(broken, 3)

    tamper(f"UPDATE practice_auditevent SET outcome = 'X' WHERE id = {pk}")

    trails = {trail.practice: trail for trail in sealing.verify()}
    assert len(trails[broken.ods_code].faults) == 1
    assert trails[whole.ods_code].faults == []


@pytest.mark.django_db
def test_every_broken_record_is_named_not_only_the_first():
    organisation = sealed_trail()
    second, fifth = event_id(organisation, 2), event_id(organisation, 5)

    tamper(f"UPDATE practice_auditevent SET outcome = 'X' WHERE id IN ({second}, {fifth})")

    assert [fault.sequence for fault in check(organisation).faults] == [2, 5]


@pytest.mark.req("AUD-008")
@pytest.mark.django_db
def test_an_event_dated_before_its_predecessors_is_remarked_on():
    """The system's date was changed, or somebody wrote into the past."""
    organisation = sealed_trail(2)
    record(organisation, now=timezone.now() - timedelta(days=3))
    seal()

    trail = check(organisation)

    assert trail.faults == []
    assert len(trail.warnings) == 1
    assert trail.warnings[0].startswith("number 3, event ")


# ---------------------------------------------------------------- held to what was published


def forge(organisation, keep):
    """Cut a trail off after ``keep``, and make the head agree: a perfect forgery from inside."""
    last = AuditSeal.objects.get(organisation=organisation, sequence=keep)
    after = (
        f"SELECT event_id FROM practice_auditseal WHERE organisation_id = {organisation.pk} "
        f"AND sequence > {keep}"
    )
    tamper(
        f"DELETE FROM practice_auditevent WHERE id IN ({after})",
        f"DELETE FROM practice_auditseal WHERE event_id IN ({after})",
        f"UPDATE practice_audithead SET sequence = {keep}, hash = '{last.hash}' "
        f"WHERE organisation_id = {organisation.pk}",
    )


@pytest.mark.django_db(transaction=True)
def test_a_perfectly_forged_end_is_found_with_the_published_heads():
    organisation = sealed_trail()
    published = sealing.heads()

    forge(organisation, keep=4)

    assert check(organisation).faults == []  # as its description says
    fault = check(organisation, published=published).faults[0]
    assert (fault.kind, fault.sequence) == (Kind.END_REMOVED, 6)


@pytest.mark.django_db(transaction=True)
def test_a_trail_that_was_forged_and_went_on_is_found_with_the_published_heads():
    organisation = sealed_trail()
    published = sealing.heads()

    forge(organisation, keep=4)
    record(organisation, 3)
    seal()

    assert check(organisation).faults == []
    fault = check(organisation, published=published).faults[0]
    assert (fault.kind, fault.sequence) == (Kind.NOT_AS_PUBLISHED, 6)


def test_published_heads_are_read_from_logs_of_any_format():
    hash = "0f" * 32
    lines = [
        f"2026-11-25 19:00:00 INFO practice.audit audit head practice=A1 sequence=12 hash={hash}\n",
        json.dumps({"message": f"audit head practice=- sequence=3 hash={hash}"}),
        "something else",
    ]

    found = sealing.published_in(lines)

    assert [(head.practice, head.sequence, head.hash) for head in found] == [
        ("A1", 12, hash),
        ("-", 3, hash),
    ]


# ---------------------------------------------------------------- the commands


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_seal_audit_goes_on_until_it_is_told_to_stop_and_publishes_the_end():
    organisation = make_organisation()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    sealer = subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit", "--loop", "0.05"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for number in (1, 2):
            record(organisation)
            deadline = time.monotonic() + 60
            while AuditSeal.objects.count() < number and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        sealer.terminate()
        _, log = sealer.communicate(timeout=60)

    assert sealer.returncode == 0
    assert AuditSeal.objects.count() == 2
    published = sealing.published_in(log.splitlines())
    assert published[-1] == sealing.heads()[0]


@pytest.mark.django_db
def test_seal_audit_says_what_it_did_and_publishes_the_heads(capsys, caplog):
    organisation = make_organisation()
    record(organisation, 3)

    with caplog.at_level("INFO", logger="practice.audit"):
        call_command("seal_audit")

    assert capsys.readouterr().out == "3 events sealed in 1 trails\n"
    head = AuditHead.objects.get()
    assert caplog.messages == [
        f"audit head practice={organisation.ods_code} sequence=3 hash={head.hash}"
    ]


@pytest.mark.django_db
def test_verify_audit_reports_what_waits_and_since_when(capsys):
    organisation = sealed_trail(2)
    record(organisation, now=timezone.now() - timedelta(seconds=90))

    call_command("verify_audit", practice=organisation.ods_code, json=True)

    trail = json.loads(capsys.readouterr().out)["trails"][0]
    assert trail["whole"] is True
    assert (trail["sealed"], trail["waiting"]) == (2, 1)
    assert 90 <= trail["oldest_waiting_seconds"] < 150


@pytest.mark.django_db
def test_verify_audit_fails_and_names_the_first_broken_record(capsys):
    organisation = sealed_trail()
    pk = event_id(organisation, 3)
    tamper(f"UPDATE practice_auditevent SET outcome = 'X' WHERE id = {pk}")

    with pytest.raises(CommandError, match=f"altered: number 3, event {pk}"):
        call_command("verify_audit")
    with pytest.raises(CommandError):
        call_command("verify_audit", practice=organisation.ods_code, json=True)

    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith(f"{organisation.ods_code}: 1 FAULTS, 6 events sealed")
    first = json.loads(printed[-1])["trails"][0]["first_fault"]
    assert (first["sequence"], first["event_id"]) == (3, pk)


@pytest.mark.django_db(transaction=True)
def test_verify_audit_reads_the_published_heads_from_a_log(tmp_path):
    organisation = sealed_trail()
    log = tmp_path / "log"
    log.write_text("".join(f"INFO {head}\n" for head in sealing.heads()))
    call_command("verify_audit", heads=log)
    forge(organisation, keep=2)

    with pytest.raises(CommandError, match="end removed"):
        call_command("verify_audit", heads=log)


@pytest.mark.django_db
def test_verify_audit_refuses_a_log_without_heads_and_an_unknown_practice(tmp_path):
    (tmp_path / "log").write_text("nothing here\n")

    with pytest.raises(CommandError, match="no published head"):
        call_command("verify_audit", heads=tmp_path / "log")
    with pytest.raises(CommandError, match="No practice"):
        call_command("verify_audit", practice="NONE")
