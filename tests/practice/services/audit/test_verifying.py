"""Whatever is done to a sealed trail is found, and the first broken record named."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import AuditWaiting, Organisation
from practice.services.audit import heads, sealing, verifying
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
from workbench.factories import make_organisation
from workbench.paths import ROOT

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
def test_what_is_done_before_the_seal_is_found_by_nothing_as_the_runbook_says():
    """So that the wait is short, and watched (gpconnect_audit_lag_seconds)."""
    organisation = sealed_trail()
    published = heads.present()
    record(organisation, 2)
    altered, removed = AuditWaiting.objects.order_by("pk").values_list("pk", flat=True)

    tamper(
        f"UPDATE practice_auditevent SET outcome = 'X' WHERE id = {altered}",
        f"DELETE FROM practice_auditevent WHERE id = {removed}",
        f"DELETE FROM practice_auditwaiting WHERE event_id = {removed}",
    )
    seal()

    assert check(organisation, published=published).faults == []
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert "| alter an event, or add it, before it is sealed | nothing |" in runbook


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


# ---------------------------------------------------------------- held to what was published


@pytest.mark.django_db(transaction=True)
def test_a_perfectly_forged_end_is_found_with_the_published_heads():
    organisation = sealed_trail()
    published = heads.present()

    forge(organisation, keep=4)

    assert check(organisation).faults == []  # as its description says
    fault = check(organisation, published=published).faults[0]
    assert (fault.kind, fault.sequence) == (Kind.END_REMOVED, 6)


@pytest.mark.django_db(transaction=True)
def test_a_trail_that_was_forged_and_went_on_is_found_with_the_published_heads():
    organisation = sealed_trail()
    published = heads.present()

    forge(organisation, keep=4)
    record(organisation, 3)
    seal()

    assert check(organisation).faults == []
    fault = check(organisation, published=published).faults[0]
    assert (fault.kind, fault.sequence) == (Kind.NOT_AS_PUBLISHED, 6)


def remove(organisation, *, with_practice):
    """Everything that the database holds of a trail."""
    mine = f"organisation_id = {organisation.pk}"
    tables = ("practice_auditseal", "practice_auditevent", "practice_audithead")
    statements = [f"DELETE FROM {table} WHERE {mine}" for table in tables]
    if with_practice:
        statements.append(f"DELETE FROM practice_organisation WHERE id = {organisation.pk}")
    tamper(*statements)


def renamed_and_forged(organisation):
    forge(organisation, keep=4)
    tamper(f"UPDATE practice_organisation SET ods_code = 'Z98765' WHERE id = {organisation.pk}")
    return "Z98765", (Kind.END_REMOVED, 6)


def renamed_and_forged_and_gone_on(organisation):
    """And another practice bears the name that was published."""
    forge(organisation, keep=4)
    tamper(f"UPDATE practice_organisation SET ods_code = 'Z98765' WHERE id = {organisation.pk}")
    make_organisation(ods_code=organisation.ods_code)
    record(organisation, 3)
    seal()
    return "Z98765", (Kind.NOT_AS_PUBLISHED, 6)


def removed_with_its_practice(organisation):
    remove(organisation, with_practice=True)
    return organisation.ods_code, (Kind.END_REMOVED, 6)


def removed_trail(organisation):
    remove(organisation, with_practice=False)
    return organisation.ods_code, (Kind.END_REMOVED, 6)


def given_to_a_new_practice_of_the_same_name(organisation):
    remove(organisation, with_practice=True)
    new = make_organisation(ods_code=organisation.ods_code)
    record(new, 6)
    seal()
    return organisation.ods_code, (Kind.END_REMOVED, 6)


@pytest.mark.req("AUD-008", "AUD-013")
@pytest.mark.parametrize(
    "forgery",
    [
        renamed_and_forged,
        renamed_and_forged_and_gone_on,
        removed_with_its_practice,
        removed_trail,
        given_to_a_new_practice_of_the_same_name,
    ],
)
@pytest.mark.django_db(transaction=True)
def test_what_was_published_is_held_against_the_trail_whatever_the_practice_is_called(forgery):
    organisation = sealed_trail()
    published = heads.present()
    name, found = forgery(organisation)

    broken = [trail for trail in verifying.verify(published=published) if trail.faults]

    assert [trail.practice for trail in broken] == [name]
    assert (broken[0].faults[0].kind, broken[0].faults[0].sequence) == found


@pytest.mark.django_db(transaction=True)
def test_the_check_of_one_practice_misses_its_trail_under_another_id_too():
    organisation, other = sealed_trail(), sealed_trail()
    published = heads.present()
    given_to_a_new_practice_of_the_same_name(organisation)
    new = Organisation.objects.get(ods_code=organisation.ods_code)

    assert any(trail.faults for trail in verifying.verify(organisation=new, published=published))
    assert check(other, published=published).faults == []


@pytest.mark.django_db(transaction=True)
def test_events_of_a_practice_that_was_removed_are_a_trail_still():
    organisation = sealed_trail()
    pk = event_id(organisation, 3)
    tamper(
        f"UPDATE practice_auditevent SET outcome = 'X' WHERE id = {pk}",
        f"DELETE FROM practice_organisation WHERE id = {organisation.pk}",
    )
    try:
        broken = [trail for trail in verifying.verify() if trail.faults]
        assert [trail.faults[0].sequence for trail in broken] == [3]
        assert "not there" in broken[0].practice
    finally:
        remove(organisation, with_practice=True)


@pytest.mark.django_db
def test_two_hashes_for_one_number_are_a_fault():
    """One of them is forged, or there were two trails; which, nobody can tell from here."""
    organisation = sealed_trail()
    [head] = heads.present()
    other = replace(head, hash="0f" * 32)

    fault = check(organisation, published=[head, other]).faults[0]

    assert (fault.kind, fault.sequence) == (Kind.NOT_AS_PUBLISHED, 6)
    assert "2 different hashes" in fault.message


@pytest.mark.django_db
def test_a_practice_that_was_renamed_honestly_is_remarked_on():
    organisation = sealed_trail()
    published = heads.present()
    Organisation.objects.filter(pk=organisation.pk).update(ods_code="Z98765")
    before, organisation.ods_code = organisation.ods_code, "Z98765"

    trail = check(organisation, published=published)

    assert trail.faults == []
    assert trail.warnings == [f"published as {before}: the practice was renamed."]
