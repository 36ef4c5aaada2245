"""Whatever is done to a sealed trail is found, and the first broken record named."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from practice.models import AuditWaiting
from practice.services.audit import sealing, verifying
from practice.services.audit.verifying import Kind
from tests.practice.services.audit.trails import (
    check,
    event_id,
    first_fault,
    forge,
    record,
    seal,
    sealed_trail,
    tamper,
)

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

    trails = {trail.practice: trail for trail in verifying.verify()}
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

    found = verifying.published_in(lines)

    assert [(head.practice, head.sequence, head.hash) for head in found] == [
        ("A1", 12, hash),
        ("-", 3, hash),
    ]


# ---------------------------------------------------------------- the triggers


@pytest.mark.req("AUD-010")
@pytest.mark.django_db(transaction=True)
def test_protection_that_was_switched_off_is_noticed():
    organisation = sealed_trail(1)
    assert verifying.unprotected() == []

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
