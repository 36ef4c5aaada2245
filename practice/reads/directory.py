"""Which practices are hosted here, who works at each, and at which places."""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import CharField, Exists, FilteredRelation, Model, OuterRef, Q, QuerySet

from practice.db.prepared import Later, Number, Numbers, Prepared, QueryParameter
from practice.db.row_security import across_practices
from practice.models import (
    Closure,
    HealthcareService,
    Location,
    Membership,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    SessionTemplate,
)
from practice.models.directory import PractitionerRoleQuerySet

PRACTICE_BY_ODS_CODE = Prepared(
    lambda: Organisation.objects.filter(ods_code=QueryParameter("ods_code", CharField()))
)


def practice_by_ods_code(ods_code: str) -> Organisation | None:
    """Return the practice hosted here under exactly this ODS code."""
    found: Organisation | None = practice_later(ods_code).first()
    return found


def practice_later(ods_code: str) -> Later[Organisation]:
    """Ask for it on a journey."""
    return PRACTICE_BY_ODS_CODE.later(ods_code=ods_code)


def practitioners(*, organisation: Organisation) -> QuerySet[Practitioner]:
    """Everybody who works here or once did, or whom a session names (PRAC-011, GEN-025)."""
    theirs = {"organisation": organisation}
    return Practitioner.objects.filter(
        Exists(PractitionerRole.objects.filter(practitioner=OuterRef("pk"), **theirs))
        | Exists(Schedule.objects.filter(session_holder=OuterRef("pk"), **theirs))
    )


def people_named_by(*, organisation: Organisation) -> set[int]:
    """Return the ids of everybody whom something of the practice names, now or once.

    That is more than those who work or worked here: a patient's own GP may be elsewhere.
    """
    named: tuple[tuple[type[Model], str], ...] = (
        (PractitionerRole, "practitioner"),
        (SessionTemplate, "session_holder"),
        (Closure, "practitioner"),
        (Patient, "general_practitioner"),
        (Schedule, "session_holder"),
        (Membership, "session_holder"),
    )
    return {
        pk
        for model, path in named
        for pk in model._default_manager.filter(organisation=organisation)
        .order_by()
        .values_list(f"{path}_id", flat=True)
        .distinct()
        if pk is not None
    }


def possible_holders(
    *, organisation: Organisation, also: int | None = None
) -> QuerySet[Practitioner]:
    """Whoever works at the practice, and so may hold its sessions; and the person ``also``.

    Every form, search and feed asks this, so that nobody works here on one page and not on another.
    """
    here = Practitioner.objects.working_at(organisation)
    if also is None:
        return here
    return Practitioner.objects.filter(Q(pk__in=here.values("pk")) | Q(pk=also))


def practitioners_with_sds_user_id(sds_user_id: str) -> QuerySet[Practitioner]:
    """Everybody, at whichever practice, who is recorded under this SDS user ID."""
    return Practitioner.objects.filter(sds_user_id=sds_user_id)


@across_practices()  # a person may work at several
def practices_of_practitioner(practitioner: Practitioner) -> list[Organisation]:
    """Return every practice that shows this person: a role there, once or now, or a session."""
    theirs = {"organisation": OuterRef("pk")}
    return list(
        Organisation.objects.filter(
            Exists(PractitionerRole.objects.filter(practitioner=practitioner, **theirs))
            | Exists(Schedule.objects.filter(session_holder=practitioner, **theirs))
        )
    )


def roles_with_practices() -> PractitionerRoleQuerySet:
    """Everybody's roles, each with its practice."""
    return PractitionerRole.objects.select_related("organisation")


def practices_by_id(ids: Iterable[int]) -> dict[int, Organisation]:
    """Return these practices by id; one query."""
    return Organisation.objects.in_bulk(list(ids))


def main_surgery(*, organisation: Organisation, but: int = 0) -> Location | None:
    """Return the practice's main surgery, unless it is the place ``but``."""
    main = Location.objects.filter(organisation=organisation, is_main=True)
    return main.exclude(pk=but).first()


def locations(*, organisation: Organisation) -> QuerySet[Location]:
    """The practice's places, closed ones included (LOC-004)."""
    return Location.objects.filter(organisation=organisation)


def is_held(*, organisation: Organisation, kind: str, pk: int) -> bool:
    """Whether the practice itself, a place or a person of it has this id (GEN-026).

    Other organisations know of more kinds than are held here; of those, nothing is.
    Its services are while it filters by them.
    """
    if kind == "Organization":  # as they spell it
        return pk == organisation.pk
    if kind == "Location":
        return locations(organisation=organisation).filter(pk=pk).exists()
    if kind == "HealthcareService":
        services = HealthcareService.objects.filter(organisation=organisation)
        return organisation.filters_by_service and services.filter(pk=pk).exists()
    return (
        kind == "Practitioner" and practitioners(organisation=organisation).filter(pk=pk).exists()
    )


# ---------------------------------------------------------------- as other organisations see them


class PracticeRow(NamedTuple):
    """A practice, with the id of its main surgery."""

    pk: int
    version: int
    main_location: int | None
    ods_code: str
    organisation_type: str
    name: str
    telephone: str
    email: str
    address_line_1: str
    address_line_2: str
    address_line_3: str
    city: str
    district: str
    postal_code: str
    country: str


class LocationRow(NamedTuple):
    """A surgery or another place of a practice."""

    pk: int
    version: int
    status: str
    name: str
    telephone: str
    email: str
    organisation: int
    address_line_1: str
    address_line_2: str
    address_line_3: str
    city: str
    district: str
    postal_code: str
    country: str


class PractitionerRow(NamedTuple):
    """A practitioner as one practice has them.

    ``active`` (they work there), ``sds_role_profile_ids`` (of the roles that have not ended) and
    what ``version`` counts beyond the person come from their roles at that practice alone.
    """

    pk: int
    version: int
    languages: list[str]
    sds_user_id: str
    prefix: str
    given_names: str
    family_name: str
    gender: str
    active: bool
    sds_role_profile_ids: tuple[str, ...]


PERSON_COLUMNS = PractitionerRow._fields[:-2]
ROLE_COLUMNS = ("role_here__version", "role_here__active", "role_here__sds_role_profile_id")
OF_PRACTICE: dict[str, Any] = {"organisation": Number("organisation")}
WITH_IDS = {"pk__among": Numbers("ids")}


def _practitioner_rows(found: QuerySet[Practitioner]) -> QuerySet[Any, Any]:
    """One row for each role that they have or had here, or one without a role."""
    role_here = FilteredRelation(
        "roles", condition=Q(roles__organisation=OF_PRACTICE["organisation"])
    )
    return (
        found.annotate(role_here=role_here)
        .order_by("pk", "role_here__pk")
        .values_list(*PERSON_COLUMNS, *ROLE_COLUMNS)
    )


PRACTICE = Prepared(
    lambda: (
        Organisation.objects.filter(pk=OF_PRACTICE["organisation"])
        .annotate(
            # At most one is the main surgery.
            main_location=FilteredRelation("locations", condition=Q(locations__is_main=True))
        )
        .values_list(*PracticeRow._fields)
    )
)
LOCATIONS = Prepared(
    lambda: (
        locations(**OF_PRACTICE).filter(**WITH_IDS).order_by("pk").values_list(*LocationRow._fields)
    )
)
PRACTITIONERS = Prepared(
    lambda: _practitioner_rows(practitioners(**OF_PRACTICE).filter(**WITH_IDS))
)
# As the practice has them, whether they work there or not.
PEOPLE = Prepared(lambda: _practitioner_rows(Practitioner.objects.filter(**WITH_IDS)))
PRACTITIONERS_BY_SDS_USER_ID = Prepared(
    lambda: _practitioner_rows(
        practitioners(**OF_PRACTICE).filter(sds_user_id=QueryParameter("sds_user_id", CharField()))
    )
)


def practice_row(*, organisation: Organisation) -> PracticeRow:
    """Return what others may know of the practice."""
    (row,) = PRACTICE.rows(organisation=organisation.pk)
    return PracticeRow._make(row)


def location_rows(*, organisation: Organisation, ids: Collection[int]) -> list[LocationRow]:
    """Return those of the practice's places that have these ids, by id."""
    return [LocationRow._make(row) for row in LOCATIONS.rows(organisation=organisation.pk, ids=ids)]


def practitioner_rows(*, organisation: Organisation, ids: Collection[int]) -> list[PractitionerRow]:
    """Return those of the practice's practitioners who have these ids, by id."""
    return _with_roles(PRACTITIONERS.rows(organisation=organisation.pk, ids=ids))


def rows_of_people(*, organisation: Organisation, ids: Collection[int]) -> list[PractitionerRow]:
    """Return whoever has these ids, by id, as the practice has them: some never worked there."""
    return _with_roles(PEOPLE.rows(organisation=organisation.pk, ids=ids))


def practitioner_rows_by_sds_user_id(
    *, organisation: Organisation, sds_user_id: str
) -> list[PractitionerRow]:
    """Return the practice's practitioners with this SDS user id, by id."""
    return _with_roles(
        PRACTITIONERS_BY_SDS_USER_ID.rows(organisation=organisation.pk, sds_user_id=sds_user_id)
    )


def _with_roles(rows: Iterable[tuple[Any, ...]]) -> list[PractitionerRow]:
    """Each practitioner once, with what their roles here say."""
    found = []
    for (pk, version, *person), same in groupby(rows, key=lambda row: row[: len(PERSON_COLUMNS)]):
        roles = [row[len(PERSON_COLUMNS) :] for row in same]
        version += sum(changes or 0 for changes, _, _ in roles)
        active = [profile for _, works, profile in roles if works]
        profiles = tuple(dict.fromkeys(filter(None, active)))
        found.append(PractitionerRow._make((pk, version, *person, bool(active), profiles)))
    return found
