"""Practitioner: a clinician of the practice. Source: GP Connect, "Read a practitioner".

The role is no part of it; it travels with Schedule and Appointment (PRAC-028).
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet

from fhirapi.resources import common
from practice.models import Organisation, Practitioner

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Practitioner-1"

COLUMNS = (
    "pk",
    "version",
    "languages",
    "sds_user_id",
    "active",
    "prefix",
    "given_names",
    "family_name",
    "gender",
)


def render(row: tuple[Any, ...], role_profile_ids: list[str]) -> dict[str, Any]:
    """A row of COLUMNS, and the role profiles held at this practice, as a GPC-Practitioner-1."""
    pk, version, languages, sds_user_id, active, prefix, given_names, family_name, gender = row
    held = [common.identifier(common.SDS_USER_ID, sds_user_id)] if sds_user_id else []
    held += [common.identifier(common.SDS_ROLE_PROFILE_ID, value) for value in role_profile_ids]
    name = common.human_name(prefix=prefix, given_names=given_names, family_name=family_name)
    return common.prune(
        {
            "resourceType": "Practitioner",
            "id": str(pk),
            "meta": common.meta(PROFILE, version),
            "extension": [common.nhs_communication(language) for language in languages],
            "identifier": held,
            "active": active,
            "name": [name],
            "gender": gender,
        }
    )


def rows_of(found: QuerySet[Practitioner], *, organisation: Any) -> QuerySet[Any, Any]:
    """The rows of practitioners at a practice, by id: one for each role profile held there."""
    role_here = FilteredRelation(
        "roles", condition=Q(roles__organisation=organisation, roles__active=True)
    )
    return (
        found.annotate(role_here=role_here)
        .order_by("pk", "role_here__pk")
        .values_list(*COLUMNS, "role_here__sds_role_profile_id")
    )


def render_rows(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """What ``rows_of`` found, each practitioner once."""
    return [
        render(person, list(dict.fromkeys(profile for *_, profile in group if profile)))
        for person, group in groupby(rows, key=lambda row: row[:-1])
    ]


def render_all(
    found: QuerySet[Practitioner], *, organisation: Organisation
) -> list[dict[str, Any]]:
    """Every one of ``found``, by id, in one query. Other practices' role profiles stay there."""
    return render_rows(rows_of(found, organisation=organisation))
