"""What an organisation is offered is what the API's search finds; all else has its reasons."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.reads.bookability import Reason
from practice.reads.profile_limits import BookingParty
from practice.reads.visibility import explain
from workbench.consumer import as_dict
from workbench.factories import (
    make_access_profile,
    make_appointment,
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
    assert all(each.refusals for each in shown.not_offered)


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
