"""Search parameters by themselves: what each takes, refuses and means. Through the URL: see
test_slot_search and test_retrieve."""

from datetime import UTC, date, datetime

import pytest
from django.http import QueryDict

from fhirapi.errors import BAD_REQUEST, INVALID_PARAMETER, FHIRError
from fhirapi.filters import SEARCHES, SlotFilter, read_date, read_moment
from fhirapi.resources.common import ODS_CODE
from practice import terminology
from practice.reads.profile_limits import BookingParty
from workbench.consumer import ABSENT

ORGANISATION_TYPE = terminology.value_set("organisation_type").system


def checked(**changes):
    """The values of a search's parameters; a list is a parameter sent several times."""
    sent = {
        "status": "free",
        "start": "ge2026-10-20",
        "end": "le2026-10-25",
        "_include": "Slot:schedule",
        **changes,
    }
    parameters = QueryDict(mutable=True)
    for name, value in sent.items():
        if value is not ABSENT:
            parameters.setlist(name, value if isinstance(value, list) else [value])
    return SlotFilter(parameters).checked()


def range_of(start: str, end: str) -> tuple[str, str]:
    asked = checked(start=f"ge{start}", end=f"le{end}")
    start, end = (f"{bound.instant:%Y-%m-%dT%H:%M:%SZ}" for bound in (asked.start, asked.end))
    return start, end


# ---------------------------------------------------------------- one value


@pytest.mark.req("SLOT-005", "SLOT-031", "SLOT-032")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-28", date(2026, 2, 28)),
        ("2028-02-29", date(2028, 2, 29)),
        ("2026-02-29", None),
        ("2026-13-01", None),
        ("2026-00-10", None),
        ("0000-01-01", None),
        ("2026", None),
        ("2026-02", None),
        ("2026-2-8", None),
        ("20260228", None),
        ("2026-W09-6", None),
        ("28/02/2026", None),
        ("2026-02-28 ", None),
        ("2026-02-28\n", None),
        ("２０２６-02-28", None),
        ("", None),
    ],
)
def test_a_date_is_a_full_date_that_exists(text, expected):
    assert read_date(text) == expected


@pytest.mark.req("SLOT-005", "SLOT-012", "SLOT-033", "SLOT-034")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01T09:00:00+01:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-07-01T09:00:00 01:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-07-01T09:00:00+00:00", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("2026-12-01T00:30:00+01:00", datetime(2026, 11, 30, 23, 30, tzinfo=UTC)),
        ("2026-10-25T01:30:00+01:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T01:30:00+00:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-07-01T09:00:00", None),
        ("2026-07-01T09:00:00Z", None),
        ("2026-07-01T09:00:00z", None),
        ("2026-07-01T09:00:00-01:00", None),
        ("2026-07-01T09:00:00+02:00", None),
        ("2026-07-01T09:00:00+00:30", None),
        ("2026-07-01T09:00:00+0100", None),
        ("2026-07-01T09:00:00.000+01:00", None),
        ("2026-07-01T09:00+01:00", None),
        ("2026-07-01T24:00:00+01:00", None),
        ("2026-07-01T23:59:60+01:00", None),
        ("2026-07-01 09:00:00+01:00", None),
        ("2026-07-01t09:00:00+01:00", None),
        ("2026-06-31T09:00:00+01:00", None),
        ("0001-01-01T00:00:00+01:00", None),
    ],
)
def test_a_date_and_time_has_seconds_and_a_uk_offset(text, expected):
    assert read_moment(text) == expected


# ---------------------------------------------------------------- the range


@pytest.mark.req("SLOT-053", "SLOT-055", "GEN-131")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-07-01", "2026-07-01", ("2026-06-30T23:00:00Z", "2026-07-01T23:00:00Z")),
        ("2026-12-01", "2026-12-02", ("2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z")),
        ("2026-10-25", "2026-10-25", ("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z")),
        ("2027-03-28", "2027-03-28", ("2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z")),
    ],
    ids=["summer", "winter", "25-hours", "23-hours"],
)
def test_a_date_is_the_whole_london_day(start, end, expected):
    assert range_of(start, end) == expected


@pytest.mark.req("SLOT-014")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (
            "2026-10-20",
            "2026-10-22T12:00:00+01:00",
            ("2026-10-19T23:00:00Z", "2026-10-22T11:00:00Z"),
        ),
        (
            "2026-10-20T12:00:00+01:00",
            "2026-10-20",
            ("2026-10-20T11:00:00Z", "2026-10-20T23:00:00Z"),
        ),
    ],
    ids=["date-and-dateTime", "dateTime-and-its-date"],
)
def test_a_date_and_a_date_time_may_be_mixed(start, end, expected):
    assert range_of(start, end) == expected


@pytest.mark.req("SLOT-025", "SLOT-026", "SLOT-027")
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2017-10-17", "2017-10-31"),
        ("2026-10-20", "2026-10-20"),
        ("2026-05-01T12:00:00+01:00", "2026-05-15T12:00:00+01:00"),
        ("2026-05-01T12:00:00+01:00", "2026-05-15"),
        ("2026-05-01T12:00:00+01:00", "2026-05-01T12:00:00+01:00"),
        ("2026-05-01", "2026-05-15T00:00:00+01:00"),
        ("2026-10-18", "2026-11-01"),
        ("2026-10-18T12:00:00+01:00", "2026-11-01T12:00:00+00:00"),
        ("2027-03-21T12:00:00+00:00", "2027-04-04T12:00:00+01:00"),
        ("2027-03-21T12:00:00+00:00", "2027-04-04T13:00:00+01:00"),
        ("2027-03-21T12:00:00+00:00", "2027-04-04T12:00:00+00:00"),
        ("2026-10-25T01:30:00+01:00", "2026-10-25T01:15:00+00:00"),
    ],
)
def test_two_weeks_are_allowed_by_the_calendar_or_by_the_hours_that_pass(start, end):
    range_of(start, end)


@pytest.mark.req("SLOT-025", "SLOT-026", "SLOT-027")
@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2017-10-17", "2017-11-01", "two weeks"),
        ("2026-05-01T12:00:00+01:00", "2026-05-15T12:00:01+01:00", "two weeks"),
        ("2026-05-01", "2026-05-15T00:00:01+01:00", "two weeks"),
        ("2026-05-01T12:00:00+01:00", "2026-05-16", "two weeks"),
        ("2026-10-18T12:00:00+01:00", "2026-11-01T12:00:01+00:00", "two weeks"),
        ("2027-03-21T12:00:00+00:00", "2027-04-04T13:00:01+01:00", "two weeks"),
        ("0001-01-01", "9998-12-31", "two weeks"),
        ("2026-10-20", "2026-10-19", "before start"),
        ("2026-10-20", "2026-10-18", "before start"),
        ("2026-10-20T00:00:00+01:00", "2026-10-19", "before start"),
        ("2026-10-20", "2026-10-19T23:59:59+01:00", "before start"),
        ("2026-10-20T12:00:00+01:00", "2026-10-20T11:59:59+01:00", "before start"),
        ("2026-10-25T01:15:00+00:00", "2026-10-25T01:30:00+01:00", "before start"),
    ],
)
def test_an_end_before_the_start_or_beyond_two_weeks_is_refused(start, end, words):
    with pytest.raises(FHIRError, match=words) as refused:
        range_of(start, end)

    assert refused.value.error is INVALID_PARAMETER


@pytest.mark.req("SLOT-032")
@pytest.mark.parametrize(("name", "value"), [("end", "le9999-12-31"), ("start", "ge0000-01-01")])
def test_a_date_beyond_the_calendar_is_refused_as_any_other_bad_date(name, value):
    with pytest.raises(FHIRError, match=f"The parameter {name} must be a date") as refused:
        checked(**{name: value})

    assert refused.value.error is INVALID_PARAMETER


# ---------------------------------------------------------------- who asks


@pytest.mark.req("AVAIL-025", "AVAIL-026", "AVAIL-027", "AVAIL-028", "SLOT-035", "SLOT-036")
@pytest.mark.parametrize(
    ("tokens", "codes", "types"),
    [
        ([], [], []),
        ([f"{ODS_CODE}|A1001"], ["A1001"], []),
        ([f"{ORGANISATION_TYPE}|urgent-care"], [], ["urgent-care"]),
        ([f"{ORGANISATION_TYPE}|urgent-care", f"{ODS_CODE}|A1001"], ["A1001"], ["urgent-care"]),
        ([f"{ODS_CODE}|A1001", f"{ODS_CODE}|B2002"], ["A1001", "B2002"], []),
        ([f"{ORGANISATION_TYPE}|hospital"], [], ["hospital"]),
        ([f"{ODS_CODE}|a1001"], ["a1001"], []),
        ([f"{ODS_CODE}|A1|B2"], ["A1|B2"], []),
        (["https://example.org/disposition|Dx05"], [], []),
        (["https://fhir.nhs.uk/STU3/ValueSet/GPConnect-OrganisationType-1|urgent-care"], [], []),
        ([f"{ODS_CODE.upper()}|A1001"], [], []),
        ([f"{ODS_CODE}/|A1001"], [], []),
        ([f"{ODS_CODE}|"], [], []),
        ([ODS_CODE], [], []),
        (["A1001"], [], []),
        (["|A1001"], [], []),
        (["|"], [], []),
        ([""], [], []),
        (["", f"{ODS_CODE}|A1001"], ["A1001"], []),
    ],
)
def test_what_is_understood_of_search_filters_and_what_is_ignored(tokens, codes, types):
    requester = checked(searchFilter=tokens).requester

    assert requester == BookingParty(frozenset(codes), frozenset(types))


# ---------------------------------------------------------------- which is named first


@pytest.mark.req("SLOT-037")
@pytest.mark.parametrize(
    ("changes", "error", "name"),
    [
        ({"status": ABSENT, "start": ABSENT, "end": ABSENT}, BAD_REQUEST, "status"),
        ({"start": "2026", "end": ABSENT, "_include": ABSENT}, INVALID_PARAMETER, "start"),
        ({"end": ABSENT, "_include": ABSENT}, BAD_REQUEST, "end"),
        ({"end": "le2099-01-01", "_include": ABSENT}, BAD_REQUEST, "_include"),
    ],
    ids=["status", "start", "end", "_include"],
)
def test_of_several_faults_the_first_in_the_order_of_the_page_is_named(changes, error, name):
    with pytest.raises(FHIRError, match=f"The parameter {name}") as refused:
        checked(**changes)

    assert refused.value.error is error


@pytest.mark.req("SLOT-001", "SLOT-002")
def test_the_search_is_declared_with_all_its_parameters_and_includes():
    search = SEARCHES["Slot"]

    assert {parameter.name: parameter.type for parameter in search.parameters} == {
        "status": "token",
        "start": "date",
        "end": "date",
        "searchFilter": "token",
    }
    assert search.includes == (
        "Slot:schedule",
        "Schedule:actor:Practitioner",
        "Schedule:actor:Location",
        "Location:managingOrganization",
    )
