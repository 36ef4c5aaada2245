"""Search for free slots, as a consumer sees it: parameters, refusals, slots and their company.

What single parameters mean is told in test_filters, who may see which slot when in
tests/practice/reads/test_bookability.py; here it is asked through the URL.
"""

import json
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import combinations

import pytest
from django.utils import timezone

from fhirapi.resources.common import ODS_CODE, SDS_ROLE_PROFILE_ID
from practice import clock, terminology
from practice.models import Appointment, PractitionerRole
from tests import profiles
from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.practice.admin.test_directory import save
from tests.shared import needs_shared
from workbench.bodies import appointment_body
from workbench.consumer import ABSENT, Consumer, as_dict, diagnostics, issues, read_back, spine_code
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_booking_organisation,
    make_consumer_group,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.paths import ROOT
from workbench.staff import signed_in, superuser

pytestmark = pytest.mark.django_db

ORGANISATION_TYPE = terminology.value_set("organisation_type").system
PRACTITIONER = "Schedule:actor:Practitioner"
LOCATION = "Schedule:actor:Location"
ORGANISATION = "Location:managingOrganization"
EVERYTHING = [PRACTITIONER, LOCATION, ORGANISATION]

DAY = date(2026, 10, 20)  # a Tuesday; what is past may be searched too


def query(**changes) -> dict:
    """A search of DAY. A changed parameter may be a list, or ABSENT; ``recurse`` is _include's."""
    sent = {
        "status": "free",
        "start": f"ge{DAY}",
        "end": f"le{DAY}",
        "_include": "Slot:schedule",
        "_include:recurse": changes.pop("recurse", ABSENT),
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not ABSENT}


def search(consumer, **changes) -> list[dict]:
    """The resources of an answer, which is valid and the same in JSON and XML."""
    return resources(in_both_formats(partial(consumer.search_slots, query(**changes))))


def slot_ids(found: list[dict]) -> list[str]:
    return [each["id"] for each in found if each["resourceType"] == "Slot"]


def ids(*slots) -> list[str]:
    return [str(slot.pk) for slot in slots]


def of_type(found: list[dict], *types: str) -> list[dict]:
    return [each for each in found if each["resourceType"] in types]


def at(text: str) -> datetime:
    """An instant from ``2026-10-25T01:30:00+01:00``, or from London time without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return clock.instant(moment.date(), moment.time())
    return moment.astimezone(UTC)


def slot_on(day: date = DAY, hour: int = 9, *, session=None, **fields):
    """A slot at a full hour in a session of its own, which has the fields ``session``."""
    start = at(f"{day}T{hour:02}:00:00")
    return make_slot(make_schedule(start=start, **(session or {})), start=start, **fields)


# ---------------------------------------------------------------- the range

OCTOBER = {"start": "ge2017-10-20", "end": "le2017-10-31"}
TO_SUMMER = {"start": "ge2019-03-29T12:00:00+00:00", "end": "le2019-04-01T17:00:00+01:00"}
LONG_DAY = {"start": "ge2026-10-25", "end": "le2026-10-25"}
SHORT_DAY = {"start": "ge2027-03-28", "end": "le2027-03-28"}
REPEATED = {"start": "ge2026-10-25T01:00:00+00:00", "end": "le2026-10-25T02:00:00+00:00"}
FIRST_TIME = {"start": "ge2026-10-25T01:00:00+01:00", "end": "le2026-10-25T01:00:00+00:00"}
WINTER_OFFSET = {"start": "ge2026-07-01T09:00:00+00:00", "end": "le2026-07-01T10:00:00+00:00"}

RANGES = [
    # The worked examples of the requirements.
    (OCTOBER, "2017-10-20T00:00:00", "2017-10-20T00:10:00", True),
    (OCTOBER, "2017-10-31T23:45:00", "2017-10-31T23:55:00", True),
    (OCTOBER, "2017-10-19T23:55:00", "2017-10-20T00:05:00", False),
    (OCTOBER, "2017-10-31T23:55:00", "2017-11-01T00:05:00", False),
    (TO_SUMMER, "2019-03-29T12:00:00", "2019-03-29T12:10:00", True),
    (TO_SUMMER, "2019-03-29T11:55:00", "2019-03-29T12:05:00", False),
    (TO_SUMMER, "2019-04-01T16:50:00", "2019-04-01T17:00:00", True),
    (TO_SUMMER, "2019-04-01T16:55:00", "2019-04-01T17:05:00", False),
    # Midnight closes the last day, and does not open the next one.
    (OCTOBER, "2017-10-31T23:50:00", "2017-11-01T00:00:00", True),
    (OCTOBER, "2017-11-01T00:00:00", "2017-11-01T00:10:00", False),
    (OCTOBER, "2017-10-19T23:50:00", "2017-10-20T00:00:00", False),
    (OCTOBER, "2017-10-25T12:00:00", "2017-10-25T12:10:00", True),
    (OCTOBER, "2017-10-19T12:00:00", "2017-11-02T12:00:00", False),
    # A day of 25 hours and one of 23.
    (LONG_DAY, "2026-10-25T00:00:00+01:00", "2026-10-25T00:10:00+01:00", True),
    (LONG_DAY, "2026-10-25T01:30:00+01:00", "2026-10-25T01:40:00+01:00", True),
    (LONG_DAY, "2026-10-25T01:55:00+01:00", "2026-10-25T01:05:00+00:00", True),
    (LONG_DAY, "2026-10-25T01:30:00+00:00", "2026-10-25T01:40:00+00:00", True),
    (LONG_DAY, "2026-10-25T23:50:00+00:00", "2026-10-26T00:00:00+00:00", True),
    (LONG_DAY, "2026-10-24T23:50:00+01:00", "2026-10-25T00:05:00+01:00", False),
    (LONG_DAY, "2026-10-25T23:55:00+00:00", "2026-10-26T00:05:00+00:00", False),
    (SHORT_DAY, "2027-03-28T00:00:00+00:00", "2027-03-28T00:10:00+00:00", True),
    (SHORT_DAY, "2027-03-28T00:55:00+00:00", "2027-03-28T02:05:00+01:00", True),
    (SHORT_DAY, "2027-03-28T23:50:00+01:00", "2027-03-29T00:00:00+01:00", True),
    (SHORT_DAY, "2027-03-28T23:55:00+01:00", "2027-03-29T00:05:00+01:00", False),
    (SHORT_DAY, "2027-03-27T23:55:00+00:00", "2027-03-28T00:05:00+00:00", False),
    # The hour that comes twice: the offset says which.
    (REPEATED, "2026-10-25T01:00:00+00:00", "2026-10-25T01:10:00+00:00", True),
    (REPEATED, "2026-10-25T01:30:00+01:00", "2026-10-25T01:40:00+01:00", False),
    (FIRST_TIME, "2026-10-25T01:50:00+01:00", "2026-10-25T01:00:00+00:00", True),
    (FIRST_TIME, "2026-10-25T01:30:00+00:00", "2026-10-25T01:40:00+00:00", False),
    # An offset that is not in force is the instant that it denotes.
    (WINTER_OFFSET, "2026-07-01T10:00:00+01:00", "2026-07-01T11:00:00+01:00", True),
    (WINTER_OFFSET, "2026-07-01T09:00:00+01:00", "2026-07-01T09:10:00+01:00", False),
]


@pytest.mark.req("SLOT-001", "SLOT-003", "SLOT-004", "SLOT-005", "SLOT-010", "SLOT-034")
@pytest.mark.req("SLOT-052", "SLOT-053", "SLOT-054", "SLOT-055", "SLOT-056")
@pytest.mark.parametrize(
    ("span", "start", "end", "is_returned"),
    RANGES,
    ids=[f"{span['start']}-{span['end']}-{start}" for span, start, *_ in RANGES],
)
def test_a_slot_is_returned_when_it_lies_fully_inside_the_range(
    consumer, span, start, end, is_returned
):
    schedule = make_schedule(start=at(start), end=at(end))
    slot = make_slot(schedule, start=at(start), end=at(end))

    found = as_dict(consumer.search_slots(query(**span)))

    assert slot_ids(resources(found)) == (ids(slot) if is_returned else [])
    assert profiles.uk_times(found) == []


@pytest.mark.req("SLOT-091", "SLOT-112", "GEN-130", "GEN-131")
def test_times_around_a_clock_change_carry_the_offset_of_their_own_instant(practice, consumer):
    schedule = make_schedule(start=at("2026-10-25T00:30:00+01:00"))
    make_slots(4, schedule, minutes=30)

    found = search(consumer, **LONG_DAY)

    assert [(slot["start"], slot["end"]) for slot in of_type(found, "Slot")] == [
        ("2026-10-25T00:30:00+01:00", "2026-10-25T01:00:00+01:00"),
        ("2026-10-25T01:00:00+01:00", "2026-10-25T01:30:00+01:00"),
        ("2026-10-25T01:30:00+01:00", "2026-10-25T01:00:00+00:00"),
        ("2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00"),
    ]
    assert of_type(found, "Schedule")[0]["planningHorizon"] == {
        "start": "2026-10-25T00:30:00+01:00",
        "end": "2026-10-25T02:30:00+00:00",
    }


@pytest.mark.req("SLOT-010")
def test_past_slots_are_found_when_the_past_is_searched(consumer):
    """Consumers ask for a whole week from its Monday on."""
    yesterday = clock.today(timezone.now()) - timedelta(days=1)
    slot = slot_on(yesterday)

    found = search(consumer, start=f"ge{yesterday}", end=f"le{yesterday + timedelta(days=7)}")

    assert slot_ids(found) == ids(slot)


# ---------------------------------------------------------------- how parameters may be written

ACCEPTED = {
    "plus": "status=free&start=ge2026-10-20T09:00:00%2B01:00&end=le2026-10-20T10:00:00%2B01:00",
    "raw-plus": "status=free&start=ge2026-10-20T09:00:00+01:00&end=le2026-10-20T10:00:00+01:00",
    "space": "status=free&start=ge2026-10-20T09:00:00%2001:00&end=le2026-10-20T10:00:00%2001:00",
    "mixed-forms": "status=free&start=ge2026-10-20&end=le2026-10-20T10:00:00%2B01:00",
    "two-weeks": "status=free&start=ge2026-10-17&end=le2026-10-31",
    "encoded": "status=%66ree&%73tart=ge2026%2D10%2D20&end=%6Ce2026-10-20",
    "encoded-colons": "status=free&start=ge2026-10-20T09%3A00%3A00%2B01%3A00&end=le2026-10-20",
    "other-order": "end=le2026-10-20&start=ge2026-10-20&status=free",
}


@pytest.mark.req("SLOT-001", "SLOT-005", "SLOT-011", "SLOT-012", "SLOT-014", "SLOT-026", "GEN-071")
@pytest.mark.parametrize("include", ["_include=Slot:schedule", "_include=Slot%3Aschedule"])
@pytest.mark.parametrize("written", ACCEPTED.values(), ids=ACCEPTED)
def test_parameters_are_understood_however_they_are_written(consumer, written, include):
    slot = slot_on()

    response = consumer.search_slots(f"{written}&{include}")

    assert response.status_code == 200, diagnostics(response)
    assert slot_ids(resources(as_dict(response))) == ids(slot)


@pytest.mark.req("SLOT-011")
def test_the_parameter_name_may_be_percent_encoded_with_its_modifier(consumer):
    slot_on()
    asked = "status=free&start=ge2026-10-20&end=le2026-10-20&%5Finclude=Slot%3Aschedule"

    response = consumer.search_slots(f"{asked}&_include%3Arecurse=Schedule%3Aactor%3APractitioner")

    assert len(of_type(resources(as_dict(response)), "Practitioner")) == 1


@pytest.mark.req("SLOT-011")
@pytest.mark.parametrize(
    "name",
    ["_include", "_include:Recurse", "_include:iterate", "_INCLUDE:RECURSE", "include:recurse"],
)
def test_an_include_under_another_name_includes_nothing(consumer, name):
    slot_on()
    asked = query(
        _include=["Slot:schedule", PRACTITIONER] if name == "_include" else "Slot:schedule"
    )
    if name != "_include":
        asked[name] = PRACTITIONER

    found = resources(as_dict(consumer.search_slots(asked)))

    assert of_type(found, "Practitioner") == []
    assert len(of_type(found, "Slot", "Schedule", "Organization")) == 3


@pytest.mark.req("SLOT-013", "GEN-078", "GEN-114", "GEN-115")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("foo", "bar"),
        ("_count", "1"),
        ("_sort", "-start"),
        ("_summary", "true"),
        ("_elements", "id"),
        ("_revinclude", "Schedule:actor"),
        ("Status", "busy"),
        ("schedule", "0"),
        ("identifier", "x"),
        ("status:not", "free"),
        ("start:missing", "true"),
        ("page", "2"),
    ],
)
def test_other_parameters_are_ignored(consumer, name, value):
    slots = make_slots(3, make_schedule(start=at("2026-10-20T09:00:00")))

    found = search(consumer, **{name: value})

    assert slot_ids(found) == ids(*slots)


# ---------------------------------------------------------------- refusals

INVALID = [
    # (parameter, what is sent in its place)
    ("start", "2026-10-20"),
    ("start", "gt2026-10-20"),
    ("start", "le2026-10-20"),
    ("start", "eq2026-10-20"),
    ("start", "GE2026-10-20"),
    ("start", "ge"),
    ("start", ""),
    ("start", "ge2026"),
    ("start", "ge2026-10"),
    ("start", "ge2026-02-30"),
    ("start", "ge20/10/2026"),
    ("start", "ge2026-9-2"),
    ("start", "ge 2026-10-20"),
    ("start", "ge2026-10-20T10:00:00"),
    ("start", "ge2026-10-20T10:00:00Z"),
    ("start", "ge2026-10-20T10:00:00.000+01:00"),
    ("start", "ge2026-10-20T10:00+01:00"),
    ("start", "ge2026-10-20T10:00:00+02:00"),
    ("start", "ge2026-10-20T25:00:00+01:00"),
    ("start", ["ge2026-10-20", "ge2026-10-20"]),
    ("start", ["ge2026-10-20", "le2026-10-20"]),
    ("end", "2026-10-20"),
    ("end", "lt2026-10-20"),
    ("end", "ge2026-10-20"),
    ("end", "LE2026-10-20"),
    ("end", "le"),
    ("end", ""),
    ("end", "le2026"),
    ("end", "le2026-10"),
    ("end", "le2026-11-31"),
    ("end", "le2026-10-20T10:00:00"),
    ("end", "le2026-10-20T10:00:00Z"),
    ("end", "le2026-10-20T10:00:00-01:00"),
    ("end", ["le2026-10-20", "le2026-10-21"]),
    ("end", "le2026-11-04"),
    ("end", "le2026-10-19"),
    ("end", "le2025-10-20"),
    ("end", "le2026-10-19T12:00:00+01:00"),
    ("end", "le9999-12-31"),
    ("status", "busy"),
    ("status", "Free"),
    ("status", "FREE"),
    ("status", ""),
    ("status", "free,busy"),
    ("status", "free "),
    ("status", ["free", "busy"]),
    ("status", ["free", "free"]),
]


def check_refusal(response, *, status: int, code: str, name: str) -> None:
    assert (response.status_code, spine_code(response)) == (status, code)
    assert name in diagnostics(response)
    assert violations(as_dict(response)) == []


@needs_shared
@pytest.mark.req("SLOT-023", "SLOT-025", "SLOT-026", "SLOT-027", "SLOT-028", "SLOT-029")
@pytest.mark.req("SLOT-030", "SLOT-031", "SLOT-032", "SLOT-033", "SLOT-037", "SLOT-003", "SLOT-004")
@pytest.mark.parametrize(("name", "value"), INVALID, ids=[f"{n}={v}" for n, v in INVALID])
def test_a_parameter_with_a_wrong_value_is_invalid(consumer, name, value):
    slot_on()

    response = consumer.search_slots(query(**{name: value}))

    check_refusal(response, status=422, code="INVALID_PARAMETER", name=name)


@needs_shared
@pytest.mark.req("SLOT-006", "SLOT-007", "SLOT-020", "SLOT-021", "SLOT-022", "SLOT-024", "SLOT-037")
@pytest.mark.req("DEC-009")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("name", ["start", "end", "status", "_include"])
def test_a_mandatory_parameter_that_is_missing_makes_a_bad_request(consumer, name, format):
    slot_on()

    response = consumer.search_slots(query(**{name: ABSENT}), format=format)

    check_refusal(response, status=400, code="BAD_REQUEST", name=name)


@needs_shared
@pytest.mark.req("SLOT-007", "SLOT-011", "SLOT-024")
@pytest.mark.parametrize(
    "sent",
    [
        {"_include": ""},
        {"_include": "Slot:Schedule"},
        {"_include": "Schedule:actor:Practitioner"},
        {"_include": ABSENT, "recurse": "Slot:schedule"},
        {"_include": ABSENT, "recurse": EVERYTHING},
        {"_include": ABSENT, "include": "Slot:schedule"},
    ],
    ids=["empty", "capital", "another", "as-recurse", "only-recurse", "no-underscore"],
)
def test_slot_schedule_must_be_included_in_these_very_words(consumer, sent):
    slot_on()

    response = consumer.search_slots(query(**sent))

    check_refusal(response, status=400, code="BAD_REQUEST", name="_include=Slot:schedule")


@needs_shared
@pytest.mark.req("SLOT-020", "SLOT-037")
def test_a_search_without_any_parameter_is_a_bad_request(consumer):
    check_refusal(consumer.search_slots(), status=400, code="BAD_REQUEST", name="status")


@pytest.mark.req("SLOT-038", "ENA-004")
@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("gp_connect_enabled", "GP Connect is disabled"),
        ("appointment_management_enabled", "Appointment Management capability is disabled"),
    ],
)
@pytest.mark.parametrize("asked", [query(), {}], ids=["good-query", "no-query"])
def test_a_practice_that_has_switched_off_denies_access(practice, consumer, switch, words, asked):
    slot_on()
    setattr(practice.organisation, switch, False)
    practice.organisation.save()

    response = consumer.search_slots(asked)

    assert (response.status_code, spine_code(response)) == (403, "ACCESS_DENIED")
    assert words in diagnostics(response)
    assert len(issues(response)) == 1


# ---------------------------------------------------------------- which slots


@pytest.mark.req("SLOT-050")
def test_slots_of_another_practice_are_never_returned(practice, consumer):
    ours = slot_on()
    other = make_organisation()
    start = at("2026-10-20T09:00:00")
    theirs = make_slot(make_schedule(other, start=start), start=start)

    assert slot_ids(search(consumer)) == ids(ours)
    assert slot_ids(search(Consumer(other))) == ids(theirs)


@pytest.mark.req("SLOT-051", "SLOT-057", "AVAIL-001", "AVAIL-050")
@pytest.mark.parametrize(
    ("slot", "session"),
    [
        ({"status": "busy"}, {}),
        ({"status": "busy-unavailable"}, {}),
        ({"status": "busy-tentative"}, {}),
        ({"status": "entered-in-error"}, {}),
        ({"gp_connect_bookable": False}, {}),
        ({"withdrawn": True}, {}),
        ({}, {"withdrawn": True}),
        ({}, {"practitioner_role": ""}),
    ],
    ids=lambda fields: "-".join(f"{name}={value}" for name, value in fields.items()) or "slot",
)
def test_what_is_not_on_offer_is_not_returned(consumer, slot, session):
    offered = slot_on(hour=9)
    slot_on(hour=10, session=session, **slot)

    found = search(consumer)

    assert slot_ids(found) == ids(offered)
    assert len(of_type(found, "Schedule")) == 1


@pytest.mark.req("SLOT-058", "AVAIL-041", "AVAIL-043")
@pytest.mark.parametrize(
    ("limit", "value", "visible"),
    [
        ("booking_window_days", 2, ["soon", "tomorrow"]),
        ("embargo_minutes", 120, ["soon"]),
        ("minimum_notice_minutes", 120, ["tomorrow", "next week"]),
    ],
)
def test_slots_outside_window_embargo_and_notice_are_not_returned(
    practice, consumer, limit, value, visible
):
    now = timezone.now().replace(microsecond=0)
    starts = {"soon": timedelta(hours=1), "tomorrow": timedelta(1), "next week": timedelta(7)}
    slots = {
        name: make_slot(make_schedule(start=now + ahead), start=now + ahead)
        for name, ahead in starts.items()
    }
    setattr(practice.organisation, limit, value)
    practice.organisation.save()
    today = clock.today(now)

    found = search(consumer, start=f"ge{today}", end=f"le{today + timedelta(days=9)}")

    assert slot_ids(found) == ids(*(slots[name] for name in visible))


ODS, TYPE = f"{ODS_CODE}|B11111", f"{ORGANISATION_TYPE}|urgent-care"
OTHER_ODS, OTHER_TYPE = f"{ODS_CODE}|C22222", f"{ORGANISATION_TYPE}|gp-practice"
# The columns of the truth table: what is sent, and the restrictions under which a slot is seen.
SENT = {
    "nothing sent": ([], "none"),
    "type sent, match": ([TYPE], "none, type"),
    "type sent, no match": ([OTHER_TYPE], "none"),
    "code sent, match": ([ODS], "none, code"),
    "code sent, no match": ([OTHER_ODS], "none"),
    "both, both match": ([TYPE, ODS], "none, type, code, type and code"),
    "both, only type matches": ([TYPE, OTHER_ODS], "none, type"),
    "both, only code matches": ([ODS, OTHER_TYPE], "none, code"),
    "several of each": ([OTHER_ODS, ODS, OTHER_TYPE, TYPE], "none, type, code, type and code"),
    "unknown type": ([f"{ORGANISATION_TYPE}|hospital", ODS], "none, code"),
    "code in lower case": ([TYPE, f"{ODS_CODE}|b11111"], "none, type"),
    "type in capitals": ([ODS, f"{ORGANISATION_TYPE}|URGENT-CARE"], "none, code"),
}


@pytest.mark.req("SLOT-008", "SLOT-059", "AVAIL-003", "AVAIL-004", "AVAIL-005", "AVAIL-012")
@pytest.mark.req("AVAIL-020", "AVAIL-021", "AVAIL-022", "AVAIL-023", "AVAIL-024", "AVAIL-025")
@pytest.mark.req("AVAIL-026", "AVAIL-027", "AVAIL-028")
@pytest.mark.parametrize(("filters", "seen"), SENT.values(), ids=SENT)
def test_restricted_slots_are_returned_to_those_they_are_for(consumer, filters, seen):
    by_type, by_code = {"organisation_types": ["urgent-care"]}, {"ods_codes": ["B11111"]}
    restrictions = {"type": by_type, "code": by_code, "type and code": by_type | by_code}
    slots = {"none": slot_on(hour=8)} | {
        name: slot_on(hour=hour, access_profile=make_access_profile(**restriction))
        for hour, (name, restriction) in enumerate(restrictions.items(), start=9)
    }

    found = search(consumer, searchFilter=filters)

    assert slot_ids(found) == ids(*(slots[name] for name in seen.split(", ")))


@pytest.mark.req("SLOT-008", "SLOT-035", "SLOT-036", "AVAIL-028")
@pytest.mark.parametrize(
    "value",
    [
        "https://example.org/disposition|Dx05",
        "https://fhir.nhs.uk/STU3/ValueSet/GPConnect-OrganisationType-1|urgent-care",
        f"{ORGANISATION_TYPE}|Urgent Care",
        f"{ODS_CODE}|",
        f"{ODS_CODE}",
        "urgent-care",
        "B11111",
        "|B11111",
        "|",
        "",
        f"{ODS_CODE}|B11111,{ORGANISATION_TYPE}|urgent-care",
        f"{ODS_CODE}|B11111\x00",
        "é|ø",
    ],
)
def test_a_search_filter_that_is_not_understood_opens_nothing_and_is_no_error(consumer, value):
    unrestricted = slot_on(hour=8)
    slot_on(hour=9, access_profile=make_access_profile(organisation_types=["urgent-care"]))
    slot_on(hour=10, access_profile=make_access_profile(ods_codes=["B11111"]))

    found = search(consumer, searchFilter=value)

    assert slot_ids(found) == ids(unrestricted)


@pytest.mark.req("SLOT-060", "AVAIL-006", "AVAIL-007", "AVAIL-073")
def test_the_rest_of_a_session_disappears_once_the_limit_is_used_up(consumer):
    profile = make_access_profile(ods_codes=["B11111", "C22222"], slots_per_session=2)
    tomorrow = clock.today(timezone.now()) + timedelta(days=1)
    start = clock.day_start(tomorrow) + timedelta(hours=9)
    limited, unlimited = make_schedule(start=start, access_profile=profile), make_schedule()
    slots = make_slots(4, limited)
    open_to_all = [make_slot(limited, access_profile=make_access_profile()), make_slot(unlimited)]
    span = {"start": f"ge{tomorrow}", "end": f"le{tomorrow}", "searchFilter": ODS}
    seen = []

    for slot in slots[:2]:
        seen.append(set(slot_ids(search(consumer, **span))))
        make_appointment([slot], booking_organisation=make_booking_organisation("C22222"))
    seen.append(set(slot_ids(search(consumer, **span))))

    assert seen == [
        {*ids(*slots, *open_to_all)},
        {*ids(*slots[1:], *open_to_all)},
        {*ids(*open_to_all)},
    ]


@pytest.mark.req("SLOT-051", "AVAIL-072")
def test_every_slot_that_is_shown_can_be_booked_and_is_gone_then(practice, consumer):
    slot = make_slot(make_schedule())
    day = clock.local(slot.start).date()
    span = {"start": f"ge{day}", "end": f"le{day}"}
    before = slot_ids(search(consumer, **span))

    booked = consumer.book(appointment_body(slots=[slot], patient=practice.patient))

    assert before == ids(slot)
    assert (booked.status_code, Appointment.objects.count()) == (201, 1)
    assert search(consumer, **span) == []


# ---------------------------------------------------------------- which entries

INCLUDES = [sent for size in range(4) for sent in combinations(EVERYTHING, size)]


@pytest.mark.req("SLOT-002", "SLOT-009", "SLOT-070", "SLOT-071", "SLOT-072", "SLOT-073", "SLOT-074")
@pytest.mark.req("SLOT-075", "SLOT-076", "SLOT-077", "GEN-110")
@pytest.mark.parametrize("order", [1, -1], ids=["as-on-the-page", "backwards"])
@pytest.mark.parametrize("sent", INCLUDES, ids=lambda sent: "+".join(sent) or "none")
def test_each_row_of_the_table_of_entries(practice, consumer, sent, order):
    start = at("2026-10-20T09:00:00")
    with_gp = make_schedule(start=start, session_holder=practice.practitioner)
    without = make_schedule(start=start, session_holder=None, location=make_location())
    make_slots(2, with_gp)
    make_slots(2, without)

    found = search(consumer, recurse=list(sent)[::order])

    assert Counter(each["resourceType"] for each in found) == {
        "Slot": 4,
        "Schedule": 2,
        "Organization": 1,
        **({"Practitioner": 1} if PRACTITIONER in sent else {}),
        **({"Location": 2} if LOCATION in sent else {}),
    }


@pytest.mark.req("SLOT-061", "SLOT-070", "GEN-110", "GEN-111", "DEC-053")
@pytest.mark.parametrize("sent", INCLUDES, ids=lambda sent: "+".join(sent) or "none")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_no_slot_means_no_entry_at_all(practice, consumer, sent, format):
    slot_on(DAY + timedelta(days=1))
    slot_on(status="busy")

    response = consumer.search_slots(query(recurse=list(sent)), format=format)

    assert response.status_code == 200
    assert as_dict(response) == {"resourceType": "Bundle", "type": "searchset"}
    assert read_back(response).entry is None


@pytest.mark.req("SLOT-071", "SLOT-077")
def test_nothing_is_sent_twice_and_nothing_that_no_slot_leads_to(practice, consumer):
    """Two sessions share a GP and a place; others have neither a free slot nor a place here."""
    start = at("2026-10-20T09:00:00")
    shared = {"session_holder": practice.practitioner, "location": practice.location}
    used = [make_schedule(start=start + timedelta(hours=hours), **shared) for hours in (0, 4)]
    for schedule in used:
        make_slots(3, schedule)
    elsewhere = {"location": make_location(), "session_holder": make_practitioner()}
    make_slot(make_schedule(start=start, **elsewhere), status="busy")
    make_slot(make_schedule(start=start + timedelta(days=2), **elsewhere))
    make_slot(make_schedule(make_organisation(), start=start), start=start)

    found = search(consumer, recurse=EVERYTHING)

    addresses = [f"{each['resourceType']}/{each['id']}" for each in found]
    assert len(addresses) == len(set(addresses))
    assert sorted(set(addresses)) == sorted(
        [f"Slot/{pk}" for pk in slot_ids(found)]
        + [f"Schedule/{schedule.pk}" for schedule in used]
        + [
            f"Practitioner/{practice.practitioner.pk}",
            f"Location/{practice.location.pk}",
            f"Organization/{practice.organisation.pk}",
        ]
    )
    assert len(slot_ids(found)) == 6


@pytest.mark.req("SLOT-072", "SLOT-094", "SLOT-114", "SLOT-115", "GEN-023", "GEN-025")
def test_every_reference_leads_to_an_entry(practice, consumer):
    """A locum without a role here and a surgery that is closed by now are there all the same."""
    locum = make_practitioner(role=None)
    closed = make_location(status="inactive")
    slot_on(session={"session_holder": locum, "location": closed})
    slot_on(hour=13, session={"session_holder": practice.practitioner})

    found = search(consumer, recurse=EVERYTHING)

    there = {f"{each['resourceType']}/{each['id']}" for each in found}
    referred_to = {
        *(slot["schedule"]["reference"] for slot in of_type(found, "Slot")),
        *(a["reference"] for each in of_type(found, "Schedule") for a in each["actor"]),
        *(each["managingOrganization"]["reference"] for each in of_type(found, "Location")),
    }
    assert referred_to == there - {f"Slot/{pk}" for pk in slot_ids(found)}
    assert f"Practitioner/{locum.pk}" in there
    assert f"Location/{closed.pk}" in there


@pytest.mark.req("SLOT-078")
def test_slots_come_by_their_start_whatever_their_session(practice, consumer):
    start = at("2026-10-20T09:00:00")
    sessions = [make_schedule(start=start) for _ in range(2)]
    later = make_slots(2, sessions[0], start=start + timedelta(minutes=30))
    earlier = make_slots(2, sessions[1], start=start)
    same_time = make_slot(sessions[0], start=start)

    assert slot_ids(search(consumer)) == ids(earlier[0], same_time, earlier[1], *later)


@pytest.mark.req("SLOT-070", "GEN-091", "GEN-112", "GEN-113")
def test_the_bundle_is_plain(consumer):
    slot_on()

    response = consumer.search_slots(query(recurse=EVERYTHING))

    sent = as_dict(response)
    assert set(sent) == {"resourceType", "type", "entry"}
    assert all(set(entry) == {"resource"} for entry in sent["entry"])
    assert response.status_code == 200
    assert not response.has_header("ETag")
    assert response["Cache-Control"] == "no-store"


# ---------------------------------------------------------------- what they hold


@needs_shared
@pytest.mark.req("SLOT-090", "SLOT-091", "SLOT-092", "SLOT-093", "SLOT-094", "SLOT-095", "SLOT-096")
@pytest.mark.req("SLOT-110", "SLOT-111", "SLOT-112", "SLOT-113", "SLOT-114", "SLOT-115", "SLOT-116")
@pytest.mark.req("SLOT-117", "SLOT-118", "SLOT-119", "SLOT-130", "SLOT-131", "SLOT-132")
@pytest.mark.req("GEN-020", "GEN-030", "GEN-031", "GEN-039", "AVAIL-061")
def test_the_whole_answer(db):
    """Two sessions on either side of a clock change, one of them without a GP or a name."""
    organisation = make_organisation(
        pk=990023,
        ods_code="Y90023",
        name="The Trevelyan Practice",
        address_line_1="Trevelyan Square",
        address_line_2="Boar Ln",
        telephone="03003035678",
        email="",
    )
    surgery = make_location(
        organisation,
        pk=990017,
        name="The Trevelyan Practice",
        address_line_1="Trevelyan Square",
        address_line_2="Boar Ln",
        postal_code="LS1 6AE",
        telephone="03003035678",
        email="",
    )
    branch = make_location(
        organisation,
        pk=990018,
        name="Chapel Branch",
        address_line_1="2 Chapel Road",
        postal_code="LS7 4AA",
        telephone="",
        email="chapel@example.nhs.uk",
    )
    gp = make_practitioner(
        organisation,
        pk=990002,
        version=4,
        sds_user_id="G13579135",
        prefix="Mr",
        given_names="Nichole",
        family_name="Gilbert",
        languages=["de"],
    )
    gp.roles.update(sds_role_profile_id="PT1357")
    friday = make_schedule(
        organisation,
        pk=990014,
        version=2,
        start=at("2026-10-23T09:00:00"),
        session_name="General GP Appointments",
        session_holder=gp,
        location=surgery,
    )
    monday = make_schedule(
        organisation,
        pk=990015,
        start=at("2026-10-26T14:00:00"),
        session_name="",
        session_holder=None,
        location=branch,
        practitioner_role="R0600",
    )
    first = {"start": at("2026-10-23T11:30:00"), "slot_type": "General GP Appointment"}
    make_slot(friday, pk=991584, version=3, **first)
    make_slot(friday, pk=991644, slot_type="NHS Health Check", note="Keep for Mrs Smith")
    make_slot(monday, pk=991700, slot_type="Blood pressure “check”", delivery_channel="Telephone")
    asked = query(start="ge2026-10-23", end="le2026-10-26", recurse=EVERYTHING)

    answer = in_both_formats(partial(Consumer(organisation).search_slots, asked))

    example = ROOT / "tests" / "examples" / "search_free_slots_response.json"
    assert answer == json.loads(example.read_text(encoding="utf-8"))
    assert violations(answer) == []


@pytest.mark.req("SLOT-097", "SLOT-098")
def test_a_note_for_staff_is_not_disclosed(consumer):
    slot_on(note="Angry last time")

    response = consumer.search_slots(query(recurse=EVERYTHING))

    assert b"Angry" not in response.content
    assert b"comment" not in response.content


@needs_shared
@pytest.mark.req("SLOT-093", "SLOT-116", "AVAIL-054")
def test_each_role_and_channel_that_staff_can_choose_is_sent_with_its_code(consumer):
    roles = [code for code, _ in terminology.practitioner_roles()]
    channels = [code for code, _ in terminology.delivery_channels()]
    for number, role in enumerate(roles):
        channel = channels[number % len(channels)]
        slot_on(delivery_channel=channel, session={"practitioner_role": role})

    answer = in_both_formats(partial(consumer.search_slots, query()))

    found = resources(answer)
    sent_roles = [
        each["extension"][0]["valueCodeableConcept"]["coding"][0]
        for each in of_type(found, "Schedule")
    ]
    assert violations(answer) == []
    assert [coding["code"] for coding in sent_roles] == roles
    assert all(coding["display"] for coding in sent_roles)
    assert {slot["extension"][0]["valueCode"] for slot in of_type(found, "Slot")} == {*channels}


@pytest.mark.req("SLOT-092", "SLOT-113", "GEN-070")
@pytest.mark.parametrize(
    "words",
    [
        'Ear "wax" removal',
        "C:\\new {0} %s",
        "<b>Bold</b> & 'quoted' ]]>",
        "Plât y Môr – 5′",
        "🦷 dentist",
        "  two  spaces inside",
        "tab\there",
    ],
)
def test_the_practice_s_own_words_arrive_as_they_were_written(consumer, words):
    slot_on(slot_type=words, session={"session_name": words})

    found = search(consumer)

    assert of_type(found, "Slot")[0]["serviceType"] == [{"text": words}]
    assert of_type(found, "Schedule")[0]["serviceCategory"] == {"text": words}


@pytest.mark.req("SLOT-130", "SLOT-131", "SLOT-132")
def test_included_resources_are_those_that_a_read_returns(practice, consumer):
    slot_on(session={"session_holder": practice.practitioner, "location": practice.location})

    found = search(consumer, recurse=EVERYTHING)

    assert of_type(found, "Practitioner") == [
        as_dict(consumer.read_practitioner(practice.practitioner.pk))
    ]
    assert of_type(found, "Location") == [as_dict(consumer.read_location(practice.location.pk))]
    assert of_type(found, "Organization") == [
        as_dict(consumer.read_organisation(practice.organisation.pk))
    ]


@pytest.mark.req("SLOT-090", "SLOT-110", "GEN-032")
def test_a_slot_given_back_has_another_version(practice, consumer):
    slot = make_slot(make_schedule())
    day = clock.local(slot.start).date()
    span = {"start": f"ge{day}", "end": f"le{day}"}
    [before] = of_type(search(consumer, **span), "Slot")
    appointment = make_appointment([slot])

    body = as_dict(consumer.read_appointment(appointment.pk))
    reason = {
        "url": "https://fhir.nhs.uk/STU3/StructureDefinition/"
        "Extension-GPConnect-AppointmentCancellationReason-1",
        "valueString": "Better",
    }
    body |= {"status": "cancelled", "extension": [*body["extension"], reason]}
    consumer.cancel(appointment.pk, body)

    [after] = of_type(search(consumer, **span), "Slot")
    assert before["meta"]["versionId"] == "1"
    assert after["meta"]["versionId"] == "3"


# ---------------------------------------------------------------- how much it costs

QUERIES = 8
OF_THE_DIRECTORY = 3  # which is read again only when a version of it is new


@pytest.mark.req("GEN-115", "PERF-005")
@pytest.mark.parametrize(("sessions", "slots_in_each"), [(1, 10), (5, 60), (30, 100)])
def test_a_search_costs_as_many_queries_however_many_slots_it_finds(
    practice, consumer, django_assert_num_queries, sessions, slots_in_each
):
    """Practice, profiles, one for each type of resource, and the audit trail's own.

    The next search finds the directory where this one has left it.
    """
    for number in range(sessions):
        start = at("2026-10-20T00:00:00") + timedelta(minutes=number)
        make_slots(slots_in_each, make_schedule(start=start), minutes=5)

    with django_assert_num_queries(QUERIES):
        response = consumer.search_slots(query(recurse=EVERYTHING))
    with django_assert_num_queries(QUERIES - OF_THE_DIRECTORY):
        again = consumer.search_slots(query(recurse=EVERYTHING))

    found = resources(as_dict(response))
    assert resources(as_dict(again)) == found
    assert len(slot_ids(found)) == sessions * slots_in_each
    assert Counter(each["resourceType"] for each in found)["Practitioner"] == sessions


def test_a_search_that_finds_nothing_asks_for_nothing_more(
    practice, consumer, django_assert_num_queries
):
    with django_assert_num_queries(QUERIES - 4):
        consumer.search_slots(query(recurse=EVERYTHING))


@needs_shared
def test_a_long_answer_keeps_to_the_profiles_from_beginning_to_end(practice, consumer):
    for number in range(4):
        start = at("2026-10-20T07:00:00") + timedelta(minutes=number)
        make_slots(75, make_schedule(start=start), minutes=5)

    answer = in_both_formats(partial(consumer.search_slots, query(recurse=EVERYTHING)))

    assert len(slot_ids(resources(answer))) == 300
    assert profiles.check(answer, ordered=True) == []
    assert profiles.uk_times(answer) == []


def shown(consumer: Consumer, kind: str) -> list[dict]:
    found = resources(as_dict(consumer.search_slots(query(recurse=EVERYTHING))))
    return [each for each in found if each["resourceType"] == kind]


# ---------------------------------------------------------------- as the directory is now


@pytest.mark.django_db
@pytest.mark.req("GEN-032", "SLOT-071")
def test_what_staff_change_is_shown_by_the_next_search(practice, consumer):
    slot_on(session={"session_holder": practice.practitioner, "location": practice.location})
    before = [shown(consumer, kind)[0] for kind in ("Practitioner", "Location", "Organization")]
    staff = superuser()

    save(staff, practice.practitioner, family_name="Renamed")
    save(staff, practice.location, name="Rebuilt surgery")
    save(staff, practice.organisation, name="Renamed practice")

    after = [shown(consumer, kind)[0] for kind in ("Practitioner", "Location", "Organization")]
    assert after[0]["name"][0]["family"] == "Renamed"
    assert [each["name"] for each in after[1:]] == ["Rebuilt surgery", "Renamed practice"]
    assert all(
        int(new["meta"]["versionId"]) > int(old["meta"]["versionId"])
        for old, new in zip(before, after, strict=True)
    )
    for kind, [direct] in (
        ("Practitioner", [consumer.read_practitioner(practice.practitioner.pk)]),
        ("Location", [consumer.read_location(practice.location.pk)]),
    ):
        assert as_dict(direct) == shown(consumer, kind)[0]


@pytest.mark.django_db
@pytest.mark.req("GEN-032", "PRAC-029", "SEC-027")
def test_who_leaves_one_practice_is_shown_as_before_by_the_other(practice, consumer):
    other = make_organisation(gp_connect_enabled=True, appointment_management_enabled=True)
    both = make_practitioner(practice.organisation, also_at=[other])
    slot_on(session={"session_holder": both})
    there = {"session_holder": both, "organisation": other, "location": make_location(other)}
    slot_on(hour=14, session=there)
    [before], [theirs] = shown(consumer, "Practitioner"), shown(Consumer(other), "Practitioner")
    manager = signed_in(practice.organisation, role="Practice manager")

    save(manager, both, **{"roles-0-active": None})

    [after] = shown(consumer, "Practitioner")
    assert (before["active"], after["active"]) == (True, False)
    assert int(after["meta"]["versionId"]) > int(before["meta"]["versionId"])
    assert shown(Consumer(other), "Practitioner") == [theirs]
    for each, sent in ((consumer, after), (Consumer(other), theirs)):
        assert as_dict(each.read_practitioner(both.pk)) == sent


PROFILE_HERE, PROFILE_THERE = "100000000001", "200000000002"


def profiles_of(practitioner: dict) -> set[str]:
    held = practitioner["identifier"]
    return {each["value"] for each in held if each["system"] == SDS_ROLE_PROFILE_ID}


@pytest.mark.django_db
@pytest.mark.req("PRAC-028")
def test_a_practitioner_of_two_practices_has_the_role_profiles_of_each(practice, consumer):
    """Role profiles that are held at one practice are not shown by the other."""
    other = make_organisation(gp_connect_enabled=True, appointment_management_enabled=True)
    both = make_practitioner(practice.organisation, role=None)
    for hour, organisation, profile in (
        (9, practice.organisation, PROFILE_HERE),
        (14, other, PROFILE_THERE),
    ):
        PractitionerRole.objects.create(
            organisation=organisation, practitioner=both, role="R0260", sds_role_profile_id=profile
        )
        session = {"session_holder": both, "location": make_location(organisation)}
        slot_on(hour=hour, session={"organisation": organisation, **session})

    [here], [there] = shown(consumer, "Practitioner"), shown(Consumer(other), "Practitioner")

    assert profiles_of(here) == {PROFILE_HERE}
    assert profiles_of(there) == {PROFILE_THERE}
    assert shown(consumer, "Practitioner") == [here]


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2026, 12, 7), id="winter"),
        pytest.param(date(2026, 10, 25), id="clocks go back that night"),
        pytest.param(date(2027, 3, 28), id="clocks go forward that night"),
    ],
)
def test_a_provider_in_a_group_is_shown_its_slots_from_midnight_in_london_on(
    practice, monkeypatch, day
):
    """One process, nothing restarted: the old one until the last second, the new one from then."""
    group = make_consumer_group(X9X01=("", str(day - timedelta(days=1))), X9X07=(str(day), ""))
    profile = make_access_profile(consumer_group=group)
    schedule = make_schedule(start=clock.instant(day, time(14)), access_profile=profile)
    slots = make_slots(2, schedule)
    midnight = clock.day_start(day)

    def number_shown(code: str) -> int:
        found = Consumer(practice.organisation).search_slots(
            query(start=f"ge{day}", end=f"le{day}", searchFilter=f"{ODS_CODE}|{code}")
        )
        return len(slot_ids(resources(as_dict(found))))

    for now, shown in (
        (midnight - timedelta(seconds=1), {"X9X01": 2, "X9X07": 0}),
        (midnight, {"X9X01": 0, "X9X07": 2}),
    ):
        for module in ("fhirapi.views", "workbench.consumer"):
            monkeypatch.setattr(f"{module}.timezone.now", lambda now=now: now)
        assert {code: number_shown(code) for code in shown} == shown

    def book(slot, code: str) -> int:
        organisation = json.loads(make_booking_organisation(code).json)
        body = appointment_body(slots=[slot], patient=practice.patient, organisation=organisation)
        return Consumer(practice.organisation).book(body).status_code

    assert book(slots[0], "X9X01") != 201
    assert book(slots[1], "X9X07") == 201
