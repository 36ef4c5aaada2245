"""What an organisation is offered is what the API's search finds; all else has its reasons."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Slot
from practice.reads.bookability import (
    WHATEVER_START,
    Asked,
    Reason,
    reasons,
    why_not_offered,
)
from practice.reads.profile_limits import BookingParty, usage
from practice.reads.visibility import explain, in_full
from workbench.consumer import as_dict
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

ODS = "https://fhir.nhs.uk/Id/ods-organization-code|"
TYPE = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1|"


@pytest.fixture
def mixed_diary(practice):
    """A diary with something of everything, for three days from today."""
    hub = make_access_profile(name="Hub", ods_codes=["X9X01"])
    urgent = make_access_profile(name="Urgent care", organisation_types=["urgent-care"])
    open_slots = make_slots(4)
    make_slots(2, make_schedule(access_profile=hub))
    make_slots(2, make_schedule(access_profile=urgent))
    make_slot(gp_connect_bookable=False)
    make_slot(embargo_minutes=5)
    make_slot(make_schedule(practitioner_role=""))
    make_appointment(slots=[open_slots[0]], patient=make_patient())
    make_slot(make_schedule(make_organisation()))
    return practice


def days() -> tuple:
    today = clock.today(timezone.now())
    return today, today + timedelta(days=3)


@pytest.mark.req("AVAIL-041")
@pytest.mark.parametrize(
    ("ods_code", "organisation_type"),
    [("", ""), ("X9X01", ""), ("", "urgent-care"), ("X9X01", "urgent-care"), ("Q1", "gp-practice")],
)
def test_the_page_offers_what_the_api_offers_in_its_order(
    mixed_diary, consumer, ods_code, organisation_type
):
    first, last = days()
    filters = [ODS + ods_code] * bool(ods_code) + [TYPE + organisation_type] * bool(
        organisation_type
    )

    shown = explain(
        organisation=mixed_diary.organisation,
        requester=BookingParty(
            frozenset(filter(None, [ods_code])), frozenset(filter(None, [organisation_type]))
        ),
        first=first,
        last=last,
        now=timezone.now(),
    )
    sent = as_dict(
        consumer.search_slots(
            {
                "status": "free",
                "start": f"ge{first}",
                "end": f"le{last}",
                "_include": "Slot:schedule",
                "searchFilter": filters,
            }
        )
    )

    resources = [entry["resource"] for entry in sent["entry"]]
    assert [str(slot.pk) for slot in shown.offered] == [
        each["id"] for each in resources if each["resourceType"] == "Slot"
    ]
    assert shown.offered
    assert all(each.reasons for each in shown.not_offered)


def test_every_slot_is_either_offered_or_has_its_reasons(mixed_diary):
    first, last = days()

    shown = explain(
        organisation=mixed_diary.organisation,
        requester=BookingParty(),
        first=first,
        last=last,
        now=timezone.now(),
    )

    assert shown.total == 11
    assert {count.reason for count in shown.counts} == {
        Reason.OTHER_CODES,
        Reason.OTHER_TYPES,
        Reason.NOT_BOOKABLE,
        Reason.EMBARGOED,
        Reason.NO_ROLE,
        Reason.NOT_FREE,
    }
    assert sum(count.first for count in shown.counts) == len(shown.not_offered)
    assert shown.sentence.startswith("3 of 11 slots are offered;")


def test_what_is_asked_once_for_many_slots_is_what_the_rule_says_of_each(mixed_diary):
    """Alike are slots that differ in nothing the rule goes by: limits, places and times do."""
    organisation, now = mixed_diary.organisation, timezone.now()
    limited = make_access_profile(name="Two a session", slots_per_session=2)
    used_up, with_room = (make_schedule(access_profile=limited) for _ in range(2))
    for schedule, taken in ((used_up, 2), (with_room, 1)):
        make_appointment(slots=make_slots(4, schedule)[:taken], patient=make_patient())
    make_slots(3, make_schedule(minimum_notice_minutes=60 * 24 * 2, booking_window_days=1))
    make_slot(make_schedule(location=make_location(organisation, postal_code="")))
    make_slot(make_schedule(withdrawn=True))
    make_slot(status="busy-unavailable")
    make_slots(2, make_schedule(start=now - timedelta(minutes=5)))
    first, last = days()

    shown = explain(
        organisation=organisation, requester=BookingParty(), first=first, last=last, now=now
    )
    known = {each.slot.pk: each.reasons for each in shown.not_offered}

    slots = Slot.objects.filter(pk__in=known).select_related(
        "access_profile", "schedule__access_profile", "schedule__location"
    )
    assert len(slots) > 15
    for slot in slots:
        refusals = why_not_offered(
            slot,
            organisation=organisation,
            requester=BookingParty(),
            now=now,
            taken=usage([limited], now),
        )
        assert known[slot.pk] == tuple(refusal.reason for refusal in refusals)
    there = {reason for each in known.values() for reason in each}
    assert {Reason.LIMIT_USED_UP, Reason.TOO_LATE, Reason.SESSION_WITHDRAWN} <= there
    full = in_full(shown.not_offered, organisation=organisation, asked=shown.asked)
    assert [tuple(r.reason for r in each.refusals) for each in full] == [*known.values()]


def test_a_rule_that_does_not_go_by_the_start_says_the_same_at_any_time(mixed_diary):
    """``by_start`` is told of each entry of the table that needs it."""
    moment = clock.day_start(days()[0]) + timedelta(hours=9)
    slot = make_slot(
        make_schedule(start=moment),
        start=moment,
        embargo_minutes=60,
        booking_window_days=3,
        minimum_notice_minutes=30,
    )
    asked = Asked(BookingParty(), moment, usage([], moment))
    found = set()
    for hours in (-48, -1, 0, 1, 24, 24 * 30):
        slot.start = moment + timedelta(hours=hours)
        found.add(reasons(WHATEVER_START, slot, organisation=mixed_diary.organisation, asked=asked))

    assert len(found) == 1
