"""The page of an appointment: who, when, who booked it, and each change in one step."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from practice.models import Appointment, AuditEvent
from practice.services.appointments import changing
from tests.practice.staff.diary_world import DURING, HTMX, MORNING, THURSDAY, post, words_of
from tests.practice.staff.diary_world import appointment_address as address
from workbench.factories import make_actor, make_appointment, make_schedule, make_slot


@pytest.mark.req(
    "STAFF-042", "STAFF-043", "STAFF-044", "STAFF-045", "AUD-032", "AUD-033", "BOOK-038"
)
def test_the_details_say_who_booked_from_where_and_what_was_changed(practice, client, receptionist):
    slot = make_slot(make_schedule(date=THURSDAY))
    before = MORNING - timedelta(days=1)
    appointment = make_appointment(
        slots=[slot], description="Sore throat", comment="Hard of hearing", now=before
    )
    actor = make_actor(name="Mr Ben Amender")
    changing.amend_appointment(
        appointment=appointment, description="Sore ear", comment="", actor=actor, now=MORNING
    )

    words = words_of(client.get(address(appointment)).content.decode())

    for expected in (
        "Booked from outside",
        "Out of Hours Service",
        "B00001",
        "Miss Jane Handler",
        "Wed 18 Nov 2026 09:00, through GP Connect",
        "Version 2 (amended Today 09:00)",
        "Description: “Sore throat” became “Sore ear”",
        "Comment: “Hard of hearing” became “”",
        "Mr Ben Amender",
        "Description Sore ear",
        "Patient’s page (1 appointment)",
    ):
        assert expected in words
    event = AuditEvent.objects.get(event="appointment.viewed")
    assert event.patient_id == appointment.patient_id
    assert event.resource == f"Appointment/{appointment.pk}"


@pytest.mark.parametrize(
    ("do", "status", "said"),
    [
        ("arrived", "arrived", "Max {} marked arrived."),
        ("seen", "fulfilled", "Max {} marked seen."),
        ("dna", "noshow", "Max {} marked did not attend."),
    ],
)
def test_a_state_is_set_at_once_announced_and_undone(client, appointment, do, status, said):
    response = client.post(address(appointment), {"do": do, "expected_version": 1}, headers=HTMX)

    appointment.refresh_from_db()
    assert appointment.status == status
    content = response.content.decode()
    announced = re.search(r'id="diary-said" hx-swap-oob="innerHTML">(.*?)</form>', content, re.S)
    assert said.format(appointment.patient.family_name) in announced.group(1)
    assert f'id="column-holder-{appointment.schedule.session_holder_id}"' in content
    assert 'hx-swap-oob="true"' in content

    undone = post(client, address(appointment), "undo", 2, back="/admin/diary/?date=2026-11-19")

    appointment.refresh_from_db()
    assert appointment.status == "booked"
    assert undone.status_code == 302
    page = client.get(undone.url).content.decode()
    assert "is booked again." in page
    assert f'href="/admin/diary/?date=2026-11-19#a{appointment.pk}"' in page


@pytest.mark.req("STAFF-047")
def test_cancelling_needs_a_reason_and_frees_the_time(client, appointment):
    ask = client.get(f"{address(appointment)}?ask=cancel").content.decode()
    assert 'name="reason"' in ask

    refused = post(client, address(appointment), "cancel", 1, reason=" ")
    assert refused.status_code == 422
    assert "A cancellation needs a reason." in refused.content.decode()
    assert 'name="reason"' in refused.content.decode()

    post(client, address(appointment), "cancel", 1, reason="She rang: better")

    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == (
        "cancelled",
        "She rang: better",
    )
    assert appointment.slots.get().status == "free"
    page = client.get(address(appointment)).content.decode()
    assert "The time is free again" in page
    assert 'name="do"' not in page


@pytest.mark.parametrize(
    ("chosen", "written", "kept"),
    [
        ("Patient cancelled", "", "Patient cancelled"),
        ("Patient cancelled", "Has a cold", "Patient cancelled: Has a cold"),
        ("", "Has a cold", "Has a cold"),
        ("Not in the list", "Has a cold", "Has a cold"),
    ],
)
def test_a_reason_of_the_practices_list_is_kept_with_what_is_written_beside_it(
    client, appointment, chosen, written, kept
):
    post(client, address(appointment), "cancel", 1, reason=written, chosen=chosen)

    appointment.refresh_from_db()
    assert appointment.cancellation_reason == kept


def test_the_reasons_offered_are_those_that_the_practice_keeps(client, appointment):
    practice = appointment.organisation

    def asked() -> str:
        return client.get(f"{address(appointment)}?ask=cancel").content.decode()

    assert "<option>Booked in error</option>" in asked()
    type(practice).objects.update(cancellation_reasons="Snowed in\nOther")
    assert "<option>Snowed in</option>" in asked()
    assert "Booked in error" not in asked()
    type(practice).objects.update(cancellation_reasons="")
    assert "<select" not in asked()
    refused = post(client, address(appointment), "cancel", 1, reason="", chosen="Snowed in")
    assert "A cancellation needs a reason." in refused.content.decode()


@pytest.mark.parametrize("do", ["arrived", "seen", "dna", "undo", "cancel"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_made_before_somebody_elses_change_is_told_kindly_and_shown_what_is(
    client, appointment, do, headers
):
    post(client, address(appointment), "arrived", 1)

    for version in ("1", ""):
        response = client.post(
            address(appointment),
            {"do": do, "expected_version": version, "reason": "Better"},
            headers=headers,
        )

        assert response.status_code == 409
        assert "Somebody else has changed this" in response.content.decode()
        assert "Arrived" in response.content.decode()
    appointment.refresh_from_db()
    assert (appointment.status, appointment.version) == ("arrived", 2)


def test_what_cannot_be_done_is_refused_in_words_and_not_offered(client, appointment, at):
    at(MORNING - timedelta(days=1))

    page = client.get(address(appointment)).content.decode()
    response = post(client, address(appointment), "dna", 1)

    assert 'value="dna"' not in page
    assert response.status_code == 422
    assert "The appointment has not started yet." in response.content.decode()
    assert post(client, address(appointment), "nonsense", 1).status_code == 404


# ---------------------------------------------------------------- amending and cancelling


def test_the_texts_of_an_appointment_are_amended(client, appointment):
    page = client.get(f"{address(appointment)}?ask=amend").content.decode()
    assert f'value="{appointment.description}"' in page

    post(client, address(appointment), "amend", 1, description="Sore ear", comment="Deaf")

    appointment.refresh_from_db()
    assert (appointment.description, appointment.comment) == ("Sore ear", "Deaf")
    assert appointment.version == 2


def test_an_appointment_needs_a_description(client, appointment):
    before = appointment.description

    answer = post(client, address(appointment), "amend", 1, description="", comment="Deaf")

    appointment.refresh_from_db()
    assert answer.status_code == 422
    assert "This field is required" in answer.content.decode()
    assert "Deaf" in answer.content.decode()
    assert appointment.description == before


@pytest.mark.parametrize("do", ["cancel", "amend"])
def test_what_somebody_else_changed_meanwhile_is_named_and_nothing_is_lost(client, appointment, do):
    """The hazard (H11): a change made to what the page showed, and no longer is."""
    post(client, address(appointment), "amend", 1, description="First", comment="Needs a ramp")

    answer = post(client, address(appointment), do, 1, description="Second", reason="Better")

    appointment.refresh_from_db()
    said = words_of(answer.content.decode())
    assert answer.status_code == 409
    assert "Somebody else has changed this since you opened it. Nothing was changed" in said
    assert "The last change: amended, Today 09:25, by" in said
    assert "Needs a ramp" in said
    assert (appointment.status, appointment.description) == ("booked", "First")
    assert appointment.slots.get().status == "busy"


def test_what_is_cancelled_can_no_longer_be_changed(client, appointment):
    post(client, address(appointment), "cancel", 1, reason="First")

    for do in ("cancel", "amend"):
        answer = post(client, address(appointment), do, 2, reason="Second", description="Other")
        assert answer.status_code == 422
        assert "has been cancelled and can no longer be changed" in answer.content.decode()
    page = client.get(address(appointment)).content.decode()
    assert "given back" in page
    assert "First" in page


@pytest.mark.parametrize(
    ("status", "later", "said"),
    [
        pytest.param("fulfilled", 1, "The patient has been seen", id="seen yesterday"),
        pytest.param("noshow", 1, "The patient did not attend", id="missed yesterday"),
        pytest.param("arrived", 0, "The patient has arrived", id="arrived today"),
        pytest.param("booked", 1, "It was on an earlier day", id="nobody ticked it"),
    ],
)
def test_what_took_place_offers_no_cancelling_nor_moving_and_says_why(
    client, appointment, at, status, later, said
):
    """The hazard (H24): whoever sends the form all the same changes nothing."""
    Appointment.objects.update(status=status)
    free = make_slot(make_schedule(date=THURSDAY + timedelta(days=9)))
    at(DURING + timedelta(days=later))

    page = client.get(address(appointment)).content.decode()
    asked = client.get(f"{address(appointment)}?ask=cancel").content.decode()
    sent = post(client, address(appointment), "cancel", 1, reason="Better")
    move = reverse("admin:move", args=[appointment.pk])
    first, chosen = (client.get(move, asked).content.decode() for asked in ({}, {"slot": free.pk}))
    moved = client.post(move, {"slot": free.pk, "version": "1"})

    assert f"{said}: it can no longer be cancelled or moved." in page
    assert "?ask=cancel" not in page
    assert "Move…" not in page
    assert 'name="reason"' not in asked
    for refused in (sent, moved):
        assert refused.status_code == 422
        assert said in refused.content.decode()
    for step in (first, chosen):
        assert said in step
        assert 'name="slot"' not in step
    appointment.refresh_from_db()
    assert (appointment.status, appointment.version) == (status, 1)
    assert not Appointment.objects.filter(moved_from=appointment).exists()


def test_an_appointment_of_somebody_who_died_is_cancelled_not_moved(client, appointment):
    """Moving is booking anew: refused at the first step, in the right words (H08)."""
    type(appointment.patient).objects.update(deceased_at="2026-11-18")
    free = make_slot(make_schedule(date=THURSDAY + timedelta(days=9)))

    page = client.get(address(appointment)).content.decode()
    move = reverse("admin:move", args=[appointment.pk])
    first = client.get(move).content.decode()
    moved = client.post(move, {"slot": free.pk, "version": "1"})
    cancelled = post(client, address(appointment), "cancel", 1, reason="Has died")

    assert "The patient died on 18 Nov 2026. It can be cancelled, not moved." in page
    assert "Move…" not in page
    assert "Cancel…" in page
    assert "The patient died on 18 Nov 2026." in first
    assert 'name="slot"' not in first
    assert moved.status_code == 422
    assert "The patient died on 18 Nov 2026." in moved.content.decode()
    assert cancelled.status_code == 302


def test_an_appointment_cannot_be_edited_around_the_service(client, appointment):
    answer = client.post(address(appointment), {"status": "noshow", "expected_version": 1})

    appointment.refresh_from_db()
    assert answer.status_code == 404
    assert (appointment.status, appointment.version) == ("booked", 1)
