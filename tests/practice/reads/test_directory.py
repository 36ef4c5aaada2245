"""Who and what a practice has, as rows that other organisations may see."""

import pytest
from django.db.models import F

from practice.models import Organisation, Practitioner, PractitionerRole
from practice.reads import directory
from practice.reads.directory import PractitionerRow
from workbench.factories import (
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
)

pytestmark = pytest.mark.django_db


def test_a_practice_is_found_by_exactly_its_ods_code():
    practice = make_organisation()

    assert directory.practice_by_ods_code(practice.ods_code) == practice
    assert directory.practice_by_ods_code(practice.ods_code.lower() + "x") is None


def test_the_row_of_a_practice_names_its_main_surgery():
    practice = make_organisation()
    assert directory.practice_row(organisation=practice).main_location is None
    main = make_location(practice)
    make_location(practice)

    row = directory.practice_row(organisation=practice)

    assert row.main_location == main.pk
    for name in row._fields:
        if name != "main_location":
            assert getattr(row, name) == getattr(practice, name), name


@pytest.mark.req("LOC-004")
def test_places_are_found_by_id_closed_ones_included_and_only_those_of_the_practice():
    practice, other = make_organisation(), make_organisation()
    first, closed = make_location(practice), make_location(practice, status="inactive")
    foreign = make_location(other)

    rows = directory.location_rows(organisation=practice, ids=[closed.pk, foreign.pk, first.pk])

    assert [row.pk for row in rows] == [first.pk, closed.pk]
    assert {row.organisation for row in rows} == {practice.pk}
    assert list(directory.locations(organisation=other)) == [foreign]


def give_role(person: Practitioner, practice: Organisation, profile: str, **fields: object) -> None:
    PractitionerRole.objects.create(
        organisation=practice,
        practitioner=person,
        sds_role_profile_id=profile,
        **{"role": "R0260", **fields},
    )


@pytest.mark.req("PRAC-028")
def test_a_practitioner_is_one_row_with_the_active_role_profiles_held_here():
    practice, other = make_organisation(), make_organisation()
    person = make_practitioner(practice, role=None)
    give_role(person, practice, "100000000001")
    give_role(person, other, "200000000002")

    (row,) = directory.practitioner_rows(organisation=practice, ids=[person.pk])

    assert row.sds_role_profile_ids == ("100000000001",)
    assert (row.pk, row.family_name) == (person.pk, person.family_name)
    PractitionerRole.objects.filter(organisation=practice).update(active=False)
    (row,) = directory.practitioner_rows(organisation=practice, ids=[person.pk])
    assert row.sds_role_profile_ids == ()


@pytest.mark.req("PRAC-029", "GEN-032")
def test_whether_somebody_works_here_is_said_by_their_roles_here():
    """What another practice says of its own role changes neither the row nor its version."""
    practice, other = make_organisation(), make_organisation()
    person = make_practitioner(practice, also_at=[other])

    def row(organisation: Organisation) -> PractitionerRow:
        return directory.practitioner_rows(organisation=organisation, ids=[person.pk])[0]

    before, theirs = row(practice), row(other)
    person.roles.filter(organisation=practice).update(active=False, version=F("version") + 1)

    after = row(practice)
    assert (before.active, after.active) == (True, False)
    assert after.version == before.version + 1
    assert row(other) == theirs


def test_possible_holders_work_here_now_and_no_practice_decides_for_another():
    practice, other = make_organisation(), make_organisation()
    here, both = make_practitioner(practice), make_practitioner(practice, also_at=[other])
    left = make_practitioner(practice, works_here=False, also_at=[other])
    returned = make_practitioner(practice, works_here=False)
    give_role(returned, practice, "PT1", role="R0270")
    make_practitioner(other)

    holders = directory.possible_holders(organisation=practice)

    assert list(holders) == [here, both, returned]
    assert set(directory.possible_holders(organisation=practice, also=left.pk)) == {*holders, left}
    assert {both, left} < set(directory.possible_holders(organisation=other))


def test_a_person_is_of_every_practice_that_ever_shows_them():
    practice, once, session, stranger = (make_organisation() for _ in range(4))
    person = make_practitioner(practice)
    give_role(person, once, "PT1", active=False)
    make_schedule(organisation=session, session_holder=person)
    make_practitioner(stranger)

    assert set(directory.practices_of_practitioner(person)) == {practice, once, session}


@pytest.mark.req("PRAC-011", "GEN-025")
def test_whoever_holds_a_session_here_is_found_without_a_role():
    practice = make_organisation()
    locum, stranger = make_practitioner(practice, role=None), make_practitioner(make_organisation())
    make_schedule(organisation=practice, location=make_location(practice), session_holder=locum)

    rows = directory.practitioner_rows(organisation=practice, ids=[stranger.pk, locum.pk])

    assert [row.pk for row in rows] == [locum.pk]


def test_practitioners_are_found_by_their_sds_user_id_here_only():
    practice, other = make_organisation(), make_organisation()
    person = make_practitioner(practice)

    def found(organisation: Organisation) -> list[int]:
        rows = directory.practitioner_rows_by_sds_user_id(
            organisation=organisation, sds_user_id=person.sds_user_id
        )
        return [row.pk for row in rows]

    assert found(practice) == [person.pk]
    assert found(other) == []


@pytest.mark.req("GEN-026")
def test_what_is_held_is_of_this_practice_and_of_a_kind_that_is_kept_here():
    here, elsewhere = make_organisation(), make_organisation()
    place, theirs = make_location(here), make_location(elsewhere)
    person, stranger = make_practitioner(here), make_practitioner(elsewhere)

    def held(kind, record):
        return directory.is_held(organisation=here, kind=kind, pk=record.pk)

    assert held("Organization", here)
    assert held("Location", place)
    assert held("Practitioner", person)
    assert not held("Organization", elsewhere)
    assert not held("Location", theirs)
    assert not held("Practitioner", stranger)
    assert not held("Endpoint", here)
