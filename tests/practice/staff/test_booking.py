"""Booking and moving at the desk: who, when, is that right; and what is said when it is not."""

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
