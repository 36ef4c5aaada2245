"""The cancellation list on its pages: who fits, in order; who may do what; where it is reached."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from practice.models import Appointment, AuditEvent, CancellationListEntry
from tests.practice.staff.diary_world import (
    DURING,
    THURSDAY,
    appointment_address,
    booked,
    post,
    slot_address,
    words_of,
)
from workbench.factories import (
    make_appointment,
    make_cancellation_list_entry,
    make_closure,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import AUDITOR, MANAGER, RECEPTIONIST, make_staff, signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/cancellation-list/"
FORM = {"first_day": "2026-11-19", "last_day": "2026-12-10", "weekdays": ["3", "4"]}


def text(answer) -> str:
    return words_of(answer.content.decode())


def who_page(slot) -> str:
    return reverse("admin:practice_slot_who_would_come", args=[slot.pk])


def names_in_order(page) -> list[str]:
    return [line["entry"].patient.given_names for line in page.context_data["lines"]]


@pytest.fixture
def freed(practice, receptionist, client):
    """10:00 of the Thursday: booked, and cancelled on its page just now."""
    slots = make_slots(7, make_schedule(date=THURSDAY), slot_type="Routine")
    appointment = booked(slots[6], given_names="Cass")
    post(client, appointment_address(appointment), "cancel", 1, reason="Feels better")
    slots[6].refresh_from_db()
    return slots[6]


def waits(given_names: str, days: int = 0, **values) -> CancellationListEntry:
    values.setdefault("patient", make_patient(given_names=given_names))
    return make_cancellation_list_entry(now=DURING - timedelta(days=days), **values)


# ---------------------------------------------------------------- a time comes free


def test_a_freed_time_says_who_would_take_it_in_order_with_telephone(practice, client, freed):
    later = booked(make_slots(1, make_schedule(date=THURSDAY + timedelta(days=8)))[0])
    waits("Newest", 1)
    oldest = waits("Oldest", 9, patient=later.patient, appointment=later)
    waits("Other", 20, slot_type="Urgent")

    page = client.get(who_page(freed))

    assert names_in_order(page) == [later.patient.given_names, "Newest"]
    assert page.context_data["lines"][0]["entry"].telephone in text(page)
    assert "Move to 10:00…" in text(page)
    assert "Book 10:00…" in text(page)
    event = AuditEvent.objects.filter(event="cancellation_list.viewed").latest("pk")
    assert len(event.detail["patients"]) == 2

    take = page.context_data["lines"][0]["take"]
    assert client.get(take).status_code == 200
    client.post(urlsplit(take).path, {"version": later.version, "slot": freed.pk})
    oldest.refresh_from_db()
    assert (oldest.ended_as, oldest.met_by.start) == ("met", freed.start)
    assert "This time is not free any more" in text(client.get(who_page(freed)))


def test_what_another_organisation_booked_is_told_beside_and_left_to_a_person(client, freed):
    """Whoever waits for an earlier time and got one through 111 may still want it, or not."""
    later = booked(make_slots(1, make_schedule(date=THURSDAY + timedelta(days=8)))[0])
    entry = waits("Waits", 3, patient=later.patient, appointment=later)
    (slot,) = make_slots(1, make_schedule(date=THURSDAY + timedelta(days=1)), embargo_minutes=0)
    make_appointment([slot], later.patient, now=DURING)

    for address in (LIST, who_page(freed)):
        said = text(client.get(address))
        assert "Also Fri 20 Nov 09:00" in said
        assert "Booked by Out of Hours Service on Thu 19 Nov" in said
    entry.refresh_from_db()
    assert entry.ended_at is None


def test_who_has_none_is_booked_from_there_and_off_the_list(client, freed):
    entry = waits("Wants")
    take = client.get(who_page(freed)).context_data["lines"][0]["take"]
    sent = {name: values[0] for name, values in parse_qs(urlsplit(take).query).items()}
    assert "Book " in text(client.get(take))

    done = client.post(
        urlsplit(take).path, {**sent, "description": "Routine", "comment": ""}, follow=True
    )

    assert "Off the cancellation list" in text(done)
    assert "Back to the cancellation list" in text(done)
    entry.refresh_from_db()
    assert entry.met_by.slots.get() == freed


def test_no_answer_and_not_this_time_are_remembered(client, freed):
    first, second = waits("First", 2), waits("Second", 1)

    client.post(who_page(freed), {"entry": first.pk, "outcome": "declined"})
    client.post(who_page(freed), {"entry": second.pk, "outcome": "no-answer"})
    page = client.get(who_page(freed))

    assert names_in_order(page) == ["Second", "First"]
    assert "Asked, no answer, Thu 19 Nov 09:25" in text(page)
    assert "Declined this time" in text(page)
    assert client.post(who_page(freed), {"entry": first.pk, "outcome": "x"}).status_code == 422


def test_each_place_where_a_time_came_free_tells_how_many_would_take_it(client, freed):
    waits("One")
    waits("Two")
    said = "Cancellation list: 2 people would take"

    assert said in text(client.get(slot_address(freed)))
    cancelled = Appointment.objects.get(status="cancelled")
    assert said in text(client.get(appointment_address(cancelled)))
    assert "would be taken: 10:00" in text(client.get(f"/admin/diary/?date={THURSDAY}"))
    assert "2 people would take this time" in text(client.get("/admin/worklist/"))
    assert "for people on the cancellation list 1" in text(client.get("/admin/"))
    assert "Times that came free (1)" in text(client.get(LIST))


def test_where_nobody_waits_no_page_says_so(client, freed):
    for address in (slot_address(freed), f"/admin/diary/?date={THURSDAY}"):
        assert "ancellation list" not in text(client.get(address)).partition("09:")[2]


def test_as_many_queries_for_many_people_as_for_few(client, freed, django_assert_max_num_queries):
    def queries(address: str) -> int:
        with django_assert_max_num_queries(60) as made:
            assert client.get(address).status_code == 200
        return len(made)

    pages = (LIST, who_page(freed), f"/admin/diary/?date={THURSDAY}", "/admin/", "/admin/worklist/")
    gp = make_practitioner()
    waits("Few", practitioners=[gp, freed.schedule.session_holder])
    few = {page: queries(page) for page in pages}
    for number in range(8):
        waits("Many", number, practitioners=[gp, freed.schedule.session_holder])
        make_slots(2, make_schedule(date=THURSDAY), changed_by_hand=True, slot_type="Routine")

    assert {page: queries(page) for page in pages} == few


# ---------------------------------------------------------------- joining


def test_from_the_patients_page_the_appointment_and_where_nothing_suits(
    practice, client, appointment
):
    patient = appointment.patient
    page = client.get(reverse("admin:practice_patient_page", args=[patient.pk]))
    assert "Not on it." in text(page)
    for address in (page.context_data["join"],):
        assert "Put on the list" in text(client.get(address))
    booking = reverse("admin:practice_appointment_add")
    query = {"patient": patient.pk, "slot_type": "Routine", "part": "pm"}
    suits = client.get(booking, query).context_data["nothing_suits"]
    form = client.get(suits).context_data["form"]
    assert (form["slot_type"].value(), form["start_time"].value().hour) == ("Routine", 12)


def test_what_was_filled_in_is_kept_and_shown_and_taken_off_again(client, practice, receptionist):
    later = booked(make_slots(1, make_schedule(date=THURSDAY + timedelta(days=8)))[0])
    add = reverse("admin:practice_cancellationlistentry_add")
    assert client.get(add, {"appointment": later.pk}).status_code == 200

    sent = {**FORM, "appointment": later.pk, "start_time": "09:00", "note": "Lives next door"}
    joined = client.post(add, sent, follow=True)

    assert "is on the cancellation list." in text(joined)
    assert "19 Nov to 10 Dec, Thu, Fri, from 09:00" in text(joined)
    assert "Lives next door" in text(joined)
    entry = CancellationListEntry.objects.get()
    on_page = text(client.get(reverse("admin:practice_patient_page", args=[later.patient_id])))
    assert "Earlier than Fri 27 Nov 09:00" in on_page
    assert "On the cancellation list" in text(client.get(appointment_address(later)))

    change = reverse("admin:practice_cancellationlistentry_change", args=[entry.pk])
    client.post(change, {**FORM, "note": "Has moved"})
    assert "Has moved" in text(client.get(LIST))
    gone = client.post(change, {"do": "withdraw"}, follow=True)
    assert "is off the cancellation list" in text(gone)
    assert "Withdrawn by" in text(gone)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"last_day": "2026-11-18"}, "before the first"),
        ({"first_day": "2026-11-01", "last_day": "2026-11-18"}, "The last day is over."),
        ({"start_time": "12:00", "end_time": "09:00"}, "The hours end before they begin."),
        ({"clinicians": ["999999"]}, "999999"),
        ({"minutes": "0"}, "1"),
    ],
)
def test_what_contradicts_itself_is_said_and_nothing_typed_is_lost(
    client, practice, receptionist, wrong, said
):
    add = reverse("admin:practice_cancellationlistentry_add")

    answer = client.post(add, {**FORM, "patient": practice.patient.pk, "note": "Typed", **wrong})

    assert answer.status_code == 422
    assert said in text(answer)
    assert 'value="Typed"' in answer.content.decode()


def test_whose_time_a_closure_took_joins_with_one_click(client, practice, receptionist):
    orphan = booked(make_slots(1, make_schedule(date=THURSDAY))[0])
    closure = make_closure(start_date=THURSDAY, end_date=THURSDAY)
    Appointment.objects.filter(pk=orphan.pk).update(
        orphaned=True, to_be_told=True, affected_by=closure
    )
    page = reverse("admin:practice_closure_change", args=[closure.pk])
    for address in (page, "/admin/worklist/"):
        assert "Put on the cancellation list" in text(client.get(address))

    joined = client.post(
        reverse("admin:join_cancellation_list", args=[orphan.pk]), {"back": page}, follow=True
    )

    assert "is on the cancellation list." in text(joined)
    assert "Put on the cancellation list" not in text(joined)
    assert CancellationListEntry.objects.get().appointment == orphan


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("role", "may"), [(RECEPTIONIST, True), (MANAGER, True), (AUDITOR, False)])
def test_reception_and_managers_keep_the_list_and_an_auditor_reads_it(practice, freed, role, may):
    entry = waits("Wants")
    someone = signed_in(practice.organisation, role=role)
    change = reverse("admin:practice_cancellationlistentry_change", args=[entry.pk])
    add = reverse("admin:practice_cancellationlistentry_add")
    for address in (LIST, who_page(freed), change):
        assert someone.get(address).status_code == 200
    assert ("Move to" in text(someone.get(who_page(freed)))) is False
    assert ("Book 10:00" in text(someone.get(who_page(freed)))) is may

    tries = (
        (add, {**FORM, "patient": practice.patient.pk}),
        (change, FORM),
        (who_page(freed), {"entry": entry.pk, "outcome": "no-answer"}),
        (reverse("admin:join_cancellation_list", args=[Appointment.objects.get().pk]), {}),
        (change, {"do": "withdraw"}),
    )
    assert [someone.post(*each).status_code for each in tries] == [302 if may else 403] * 5
    assert CancellationListEntry.objects.exclude(ended_at=None).exists() is may


def test_who_has_no_role_sees_nothing_of_it(practice, freed):
    someone = signed_in(practice.organisation, role="")

    assert [someone.get(page).status_code for page in (LIST, who_page(freed))] == [403, 403]


def test_nothing_of_another_practice_is_to_be_had(practice, client, receptionist):
    other = make_organisation()
    entry = make_cancellation_list_entry(other)
    theirs = make_slots(1, make_schedule(other, date=THURSDAY))[0]
    change = reverse("admin:practice_cancellationlistentry_change", args=[entry.pk])
    add = reverse("admin:practice_cancellationlistentry_add")
    make_staff(other)

    assert client.get(change).status_code == 404
    assert client.get(who_page(theirs)).status_code == 404
    assert client.get(add, {"patient": entry.patient_id}).status_code == 404
    assert entry.patient.family_name not in text(client.get(LIST))
