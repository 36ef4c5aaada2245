"""Booking and moving at the desk: who, when, is that right; and what is said when it is not."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock, nhs_number
from practice.models import Appointment, AuditEvent, Slot
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def receptionist(practice, client):
    user = make_staff(practice.organisation, first_name="Rita", last_name="Reception")
    client.force_login(user)
    return user


def text(response) -> str:
    return response.content.decode()


def book(client, patient, slots, **fields):
    return client.post(
        reverse("admin:practice_appointment_add"),
        {
            "patient": patient.pk,
            "slot": [slot.pk for slot in slots],
            "description": "Routine",
            "comment": "",
            **fields,
        },
    )


# ---------------------------------------------------------------- who


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"q": "Fauxley Edi"}, id="family name and first letters"),
        pytest.param({"q": "edie fauxley"}, id="first name first"),
        pytest.param({"q": "fauxley, e"}, id="with a comma"),
        pytest.param({"born": "1940-05-17"}, id="date of birth"),
        pytest.param({"q": "faux", "born": "1940-05-17"}, id="both"),
    ],
)
def test_a_patient_is_found_by_what_reception_is_told(practice, client, receptionist, wanted):
    make_patient(family_name="Fauxley", given_names="Edie", birth_date="1940-05-17")
    make_patient(family_name="Other", given_names="Fay", birth_date="1941-05-17")

    page = text(client.get(reverse("admin:practice_appointment_add"), wanted))

    assert "FAUXLEY, Edie" in page
    assert "OTHER, Fay" not in page


def test_a_patient_is_found_by_nhs_number_with_or_without_spaces(practice, client, receptionist):
    patient = make_patient(family_name="Fauxley")

    for number in (patient.nhs_number, nhs_number.spaced(patient.nhs_number)):
        assert "FAUXLEY" in text(
            client.get(reverse("admin:practice_appointment_add"), {"q": number})
        )


def test_a_mistyped_nhs_number_is_said_to_be_one(practice, client, receptionist):
    page = text(client.get(reverse("admin:practice_appointment_add"), {"q": "999 012 3450"}))

    assert "This is not an NHS number" in page


def test_whose_details_a_search_showed_is_on_record(practice, client, receptionist):
    patient = make_patient(family_name="Fauxley")

    client.get(reverse("admin:practice_appointment_add"), {"q": "fauxley"})

    assert AuditEvent.objects.get(event="patient.searched").detail["patients"] == [patient.pk]


def test_patients_of_another_practice_are_not_found_nor_booked(practice, client, receptionist):
    theirs = make_patient(make_organisation(), family_name="Theirs")

    assert "THEIRS" not in text(
        client.get(reverse("admin:practice_appointment_add"), {"q": "theirs"})
    )
    assert (
        client.get(reverse("admin:practice_appointment_add"), {"patient": theirs.pk}).status_code
        == 404
    )
    assert book(client, theirs, [make_slot()]).status_code == 404


# ---------------------------------------------------------------- when


def test_free_times_are_offered_and_taken_withdrawn_and_past_ones_are_not(
    practice, client, receptionist
):
    free, taken, withdrawn = make_slots(3)
    make_appointment(slots=[taken], patient=make_patient())
    Slot.objects.filter(pk=withdrawn.pk).update(withdrawn=True)
    past = make_slot(start=timezone.now() - timedelta(hours=2))
    theirs = make_slot(make_schedule(make_organisation()))

    page = text(
        client.get(
            reverse("admin:practice_appointment_add"),
            {"patient": practice.patient.pk, "first": clock.local(past.start).date()},
        )
    )

    assert f'value="{free.pk}"' in page
    for other in (taken, withdrawn, past, theirs):
        assert f'name="slot" value="{other.pk}"' not in page


def test_the_search_for_a_time_makes_as_many_queries_for_200_slots_as_for_3(
    practice, client, receptionist, django_assert_max_num_queries
):
    def queries(count: int) -> int:
        make_slots(count)
        with django_assert_max_num_queries(60) as made:
            client.get(reverse("admin:practice_appointment_add"), {"patient": practice.patient.pk})
        return len(made.captured_queries)

    assert queries(3) == queries(197)


# ---------------------------------------------------------------- booking


@pytest.mark.req("AVAIL-080")
def test_two_adjacent_slots_become_one_appointment_that_prints(practice, client, receptionist):
    slots = make_slots(2)

    response = book(client, practice.patient, slots, comment="Needs a ramp.")

    appointment = Appointment.objects.get()
    assert response.url == reverse("admin:booked", args=[appointment.pk])
    assert (appointment.end, appointment.comment) == (slots[1].end, "Needs a ramp.")
    assert (appointment.booked_via, appointment.booked_by) == ("staff", receptionist)
    assert appointment.provenance[0]["name"] == "Rita Reception"
    slip = text(client.get(response.url))
    assert f"{clock.local(slots[0].start):%H:%M}" in slip
    assert practice.patient.full_name in slip


def test_what_reception_should_know_stands_above_the_button(practice, client, receptionist):
    first, second = make_slots(2)
    make_appointment(slots=[first], patient=practice.patient)

    page = text(
        client.get(
            reverse("admin:practice_appointment_add"),
            {"patient": practice.patient.pk, "slot": second.pk},
        )
    )

    assert "Already booked that day" in page


@pytest.mark.parametrize(
    ("state", "found", "said"),
    [
        ({"deceased_at": "2026-06-01"}, "Died on 01 Jun 2026", "The patient died on 01 Jun 2026."),
        ({"active": False}, "Left", "The patient is not registered at the practice any more."),
        (
            {"registration_end": "2026-06-09"},
            "Registration ended on 09 Jun 2026",
            "The registration ended on 09 Jun 2026.",
        ),
    ],
    ids=["died", "left", "registration ended"],
)
def test_that_nobody_can_be_booked_is_said_at_the_first_step_and_at_each(
    practice, client, receptionist, state, found, said
):
    """The hazard (H08): not after the time was chosen and agreed with whoever rings."""
    patient = make_patient(family_name="Fauxley", **state)
    slot = make_slot()
    address = reverse("admin:practice_appointment_add")

    search = text(client.get(address, {"q": "fauxley", "slot": slot.pk}))
    when = text(client.get(address, {"patient": patient.pk}))
    whether = text(client.get(address, {"patient": patient.pk, "slot": slot.pk}))
    sent = book(client, patient, [slot])

    assert found in search
    assert f"?patient={patient.pk}" not in search
    for page in (when, whether, text(sent)):
        assert said in page
        assert f"Book {patient.full_name}" not in page
        assert 'type="checkbox" name="slot"' not in page
    assert f'href="?slot={slot.pk}"' in whether, "the time is kept for somebody else"
    assert sent.status_code == 422
    assert not Appointment.objects.exists()


def test_who_was_slower_is_told_kindly_and_keeps_what_was_typed(practice, client, receptionist):
    slot = make_slot()
    make_appointment(slots=[slot], patient=make_patient())

    response = book(client, practice.patient, [slot], comment="Typed with care.")

    assert response.status_code == 409
    assert "Somebody else has just taken this time" in text(response)
    assert "Typed with care." in text(response)
    assert Appointment.objects.count() == 1


def test_who_was_slower_is_offered_the_next_twelve_times(practice, client, receptionist):
    slots = make_slots(14)
    make_appointment(slots=[slots[0]], patient=make_patient())

    response = book(client, practice.patient, [slots[0]])

    offered = re.findall('type="checkbox" name="slot" value="([0-9]+)"', text(response))
    assert offered == [str(slot.pk) for slot in slots[1:13]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(
            lambda: make_slots(3)[::2], "each starts when the one before it ends", id="gap"
        ),
        pytest.param(lambda: [make_slot(), make_slot()], "in one session", id="two sessions"),
    ],
)
def test_slots_that_do_not_belong_together_are_refused_in_words(
    practice, client, receptionist, make, words
):
    response = book(client, practice.patient, make())

    assert response.status_code == 422
    assert words in text(response)
    assert not Appointment.objects.exists()


# ---------------------------------------------------------------- afterwards


def test_what_was_booked_leads_back_and_on(practice, client, receptionist):
    slot = make_slot()
    diary = f"{reverse('admin:diary')}?date=2026-11-30&location={practice.location.pk}"

    booked = book(client, practice.patient, [slot], back=diary)
    page = text(client.get(booked.url))

    appointment = Appointment.objects.get()
    links = [
        f"{diary}#a{appointment.pk}".replace("&", "&amp;"),
        f"?patient={practice.patient.pk}&amp;back=",
        reverse("admin:move", args=[appointment.pk]),
        f"{reverse('admin:practice_appointment_change', args=[appointment.pk])}?ask=cancel",
    ]
    assert [link for link in links if link not in page] == []


def test_a_way_back_leads_to_no_other_site(practice, client, receptionist):
    booked = book(client, practice.patient, [make_slot()], back="https://elsewhere.example/")

    assert "elsewhere.example" not in booked.url
    page = text(client.get(f"{booked.url}?back=//elsewhere.example/admin/"))
    assert "elsewhere.example" not in page


def test_what_was_looked_for_goes_with_every_step(practice, client, receptionist):
    """The search, the half-day and where it began, in each link and form to another step."""
    slot = make_slot()
    looked_for = {"slot_type": "Routine", "part": "am", "back": "/admin/diary/?date=2026-11-30"}
    address = reverse("admin:practice_appointment_add")
    chosen = {"patient": practice.patient.pk, "slot": slot.pk}

    who = text(client.get(address, {**looked_for, "slot": slot.pk, "q": "patient"}))
    whether = text(client.get(address, {**looked_for, **chosen}))

    in_link = "slot_type=Routine&amp;part=am&amp;back=%2Fadmin%2Fdiary%2F%3Fdate%3D2026-11-30"
    assert f'href="?slot={slot.pk}&amp;{in_link}&amp;patient={practice.patient.pk}"' in who
    assert f'href="?patient={practice.patient.pk}&amp;first=' in whether
    for page in (who, whether):
        assert in_link in page
        for name, value in looked_for.items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in page
    again = client.post(address, {**chosen, **looked_for, "description": ""})
    assert in_link in text(again)


@pytest.mark.parametrize(
    "words",
    ["07700 900142", "07700900142", "fauxley 4/7/61", "4 Jul 1961", "04.07.1961 fauxley"],
)
def test_a_patient_is_found_by_telephone_and_by_a_date_beside_the_name(
    practice, client, receptionist, words
):
    make_patient(family_name="Fauxley", birth_date="1961-07-04", telephone="07700 900 142")
    make_patient(family_name="Fauxley", given_names="Other", birth_date="1991-07-04")

    page = text(client.get(reverse("admin:practice_appointment_add"), {"q": words}))

    assert "FAUXLEY, Edie" in page
    assert "FAUXLEY, Other" not in page
