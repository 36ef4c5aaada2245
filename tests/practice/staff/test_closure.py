"""Off sick, from the impact to the last call: nothing happens unseen, and nobody is forgotten."""

from datetime import time, timedelta
from threading import Barrier

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent, Closure, Slot
from practice.services.closures import reopening
from tests.practice.staff.closing_page import close, offered, text, ticked, values
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.servers import at_once, in_its_own_connection
from workbench.staff import AUDITOR, MANAGER, make_staff, signed_in

pytestmark = pytest.mark.django_db


def test_the_impact_is_shown_before_anything_happens(practice, client, manager, sick):
    gp, slots, with_number, without = sick

    page = text(client.get(reverse("admin:practice_closure_add"), values(gp)))

    assert "Nothing has changed yet" in page
    assert page.index(without.patient.full_name) < page.index(with_number.patient.full_name)
    assert not Closure.objects.exclude(kind="bank-holiday").exists()
    assert Slot.objects.filter(status="free", withdrawn=False).count() == 2


def test_each_appointment_becomes_what_was_decided_for_it(practice, client, manager, sick):
    gp, slots, moved, cancelled = sick
    replacement = make_slots(1, make_schedule())[0]

    response = close(
        client,
        gp,
        **{
            f"what-{moved.pk}": "move",
            f"slot-{moved.pk}": replacement.pk,
            f"what-{cancelled.pk}": "cancel",
        },
    )

    closure = Closure.objects.get(kind="sick")
    assert response.url == reverse("admin:practice_closure_change", args=[closure.pk])
    new = Appointment.objects.get(moved_from=moved)
    assert (new.start, new.to_be_told, new.affected_by) == (replacement.start, True, closure)
    cancelled.refresh_from_db()
    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "Clinician unwell")
    assert cancelled.to_be_told
    assert not Slot.objects.filter(schedule=slots[0].schedule, withdrawn=False).exists()


def test_an_appointment_without_a_word_is_left_as_orphaned(practice, client, manager, sick):
    gp, _, one, other = sick

    close(client, gp)

    for appointment in (one, other):
        appointment.refresh_from_db()
        assert (appointment.status, appointment.orphaned) == ("booked", True)
    worklist = text(client.get(reverse("admin:worklist")))
    assert "Orphaned appointments (2)" in worklist


def test_a_replacement_that_was_taken_meanwhile_leaves_the_patient_on_the_worklist(
    practice, client, manager, sick
):
    gp, _, one, _ = sick
    replacement = make_slots(1, make_schedule())[0]
    make_appointment(slots=[replacement], patient=make_patient())

    response = close(client, gp, **{f"what-{one.pk}": "move", f"slot-{one.pk}": replacement.pk})

    one.refresh_from_db()
    assert (one.status, one.orphaned, one.to_be_told) == ("booked", True, True)
    assert "could not be helped as decided" in text(client.get(response.url))


def test_a_diary_that_changed_since_the_impact_was_shown_is_not_closed(
    practice, client, manager, sick
):
    gp, slots, *_ = sick
    digest = (
        client.get(reverse("admin:practice_closure_add"), values(gp)).context_data["plan"].digest
    )
    make_appointment(slots=[slots[2]], patient=make_patient(family_name="Latecomer"))

    response = client.post(reverse("admin:practice_closure_add"), {**values(gp), "digest": digest})

    assert response.status_code == 409
    assert "Nothing was closed" in text(response)
    assert "Latecomer" in text(response)
    assert not Closure.objects.filter(kind="sick").exists()


def test_the_suggested_time_is_of_the_same_kind_and_suggested_once(practice, client, manager, sick):
    gp, _, one, other = sick
    make_slots(1, make_schedule(), slot_type="Urgent")
    fitting = make_slots(1, make_schedule())[0]

    page = client.get(reverse("admin:practice_closure_add"), values(gp))

    assert offered(text(page), one) == [fitting.pk]
    assert offered(text(page), other) == []


# ---------------------------------------------------------------- which other times


def colleague(day, clock_time: str, number: int = 1, **slots):
    """Free times of somebody else, routine and in person."""
    start = clock.instant(day, time.fromisoformat(clock_time))
    return make_slots(number, make_schedule(start=start), **slots)


@pytest.fixture
def two_days(practice):
    """Off sick tomorrow and the day after: a patient is booked on the second day, at 11."""
    gp, second = make_practitioner(), tomorrow() + timedelta(days=1)
    start = clock.instant(second, time(11))
    (slot,) = make_slots(1, make_schedule(session_holder=gp, start=start))
    asked = {**values(gp), "end_date": f"{second}"}
    return asked, make_appointment(slots=[slot], patient=make_patient()), second


def test_nobody_is_offered_a_time_before_their_own_unless_a_person_asks_for_it(
    practice, client, manager, two_days
):
    """The hazard (H23): whoever is not reached before the earlier time misses the appointment."""
    asked, appointment, second = two_days
    (day_before,), (hour_before,) = colleague(tomorrow(), "11:00"), colleague(second, "10:00")
    (same_time,), (later,) = colleague(second, "11:00"), colleague(second, "15:00")
    address = reverse("admin:practice_closure_add")

    first = client.get(address, asked)
    digest = first.context_data["plan"].digest
    more = client.post(
        address,
        {**asked, "digest": digest, "look": "earlier", f"what-{appointment.pk}": "cancel"},
    )

    assert offered(text(first), appointment) == [same_time.pk, later.pk]
    assert ticked(text(first), appointment) == ["move"]
    assert offered(text(more), appointment) == [
        same_time.pk,
        later.pk,
        hour_before.pk,
        day_before.pk,
    ]
    assert text(more).count("Earlier than their own time") == 2
    assert ticked(text(more), appointment) == ["cancel"], "what was decided stays"
    assert not Closure.objects.filter(kind="sick").exists()

    fewer = client.post(address, {**asked, "digest": digest, "look": "later", "earlier": "1"})

    assert offered(text(fewer), appointment) == [same_time.pk, later.pk]


def test_an_earlier_time_is_never_ticked_by_itself(practice, client, manager, two_days):
    asked, appointment, second = two_days
    colleague(second, "10:00")

    page = text(client.get(reverse("admin:practice_closure_add"), {**asked, "earlier": "1"}))

    assert len(offered(page, appointment)) == 1
    assert ticked(page, appointment) == ["leave"]


def test_what_is_kept_for_others_says_so_and_comes_last_and_unticked(
    practice, client, manager, two_days
):
    asked, appointment, second = two_days
    hub = make_access_profile(name="Urgent hub", ods_codes=["B00001"])
    (of_hub,) = colleague(second, "11:00", access_profile=hub)
    (embargoed,) = colleague(second, "11:10", embargo_minutes=60)
    address = reverse("admin:practice_closure_add")

    alone = text(client.get(address, asked))
    (plain,) = colleague(second, "15:00")
    beside = text(client.get(address, asked))

    assert offered(alone, appointment) == [of_hub.pk, embargoed.pk]
    assert ticked(alone, appointment) == ["leave"]
    assert offered(beside, appointment) == [plain.pk, of_hub.pk, embargoed.pk]
    assert ticked(beside, appointment) == ["move"]
    ends = clock.local(embargoed.start - timedelta(hours=1))
    for page in (alone, beside):
        assert page.count("Reserved for others: Urgent hub") == 1
        assert page.count(f"Under embargo until {ends:%a} {ends.day} {ends:%b %H:%M}") == 1


def test_each_patient_has_several_other_times_and_no_time_is_offered_twice(
    practice, client, manager, sick
):
    gp, _, one, other = sick
    make_slots(8, make_schedule(date=tomorrow() + timedelta(days=1)))

    page = text(client.get(reverse("admin:practice_closure_add"), values(gp)))

    first, second = offered(page, one), offered(page, other)
    assert (len(first), len(second)) == (4, 4), "shared fairly"
    assert not set(first) & set(second)
    assert page.count("3 other times") == 2


def test_the_other_time_that_was_chosen_is_the_one_they_get(practice, client, manager, sick):
    gp, _, one, _ = sick
    make_slots(8, make_schedule(date=tomorrow() + timedelta(days=1)))
    page = text(client.get(reverse("admin:practice_closure_add"), values(gp)))
    suggested, *others = offered(page, one)

    close(client, gp, **{f"what-{one.pk}": f"move-{others[1]}", f"slot-{one.pk}": suggested})

    new = Appointment.objects.get(moved_from=one)
    assert [slot.pk for slot in new.slots.all()] == [others[1]]


@pytest.mark.parametrize(
    ("state", "said"),
    [({"deceased_at": "2026-06-01"}, "died"), ({"active": False}, "not registered")],
)
def test_nobody_is_moved_who_cannot_be_booked(practice, client, manager, sick, state, said):
    gp, _, one, _ = sick
    make_slots(8, make_schedule(date=tomorrow() + timedelta(days=1)))
    type(one.patient).objects.filter(pk=one.patient_id).update(**state)

    page = text(client.get(reverse("admin:practice_closure_add"), values(gp)))

    assert offered(page, one) == []
    assert ticked(page, one) == ["leave"]
    assert said in page


def test_another_practice_is_out_of_reach(practice, client, manager):
    there = make_organisation()
    closure = Closure.objects.create(
        organisation=there, kind="closed", start_date=tomorrow(), end_date=tomorrow()
    )
    theirs = make_appointment(
        slots=make_slots(1, make_schedule(there)), patient=make_patient(there)
    )
    gp = make_practitioner(there)

    assert (
        client.get(reverse("admin:practice_closure_change", args=[closure.pk])).status_code == 404
    )
    assert client.post(reverse("admin:contacted", args=[theirs.pk])).status_code == 404
    assert "Select a valid choice" in text(
        client.get(reverse("admin:practice_closure_add"), values(gp))
    )


def test_a_closure_that_ends_before_it_starts_is_refused_in_words(practice, client, manager):
    gp = make_practitioner()
    wrong = {**values(gp), "end_date": f"{tomorrow() - timedelta(days=1)}"}

    assert "The last day is before the first" in text(
        client.get(reverse("admin:practice_closure_add"), wrong)
    )


def test_the_impact_makes_as_many_queries_for_30_patients_as_for_3(
    practice, client, manager, django_assert_max_num_queries
):
    gp = make_practitioner()

    def queries(count: int, day) -> int:
        start = clock.instant(
            day, timezone.now().time().replace(hour=8, minute=0, second=0, microsecond=0)
        )
        session = make_schedule(session_holder=gp, start=start, end=start + timedelta(hours=8))
        for slot in make_slots(count, session):
            make_appointment(slots=[slot], patient=make_patient())
        asked = {**values(gp), "start_date": f"{day}", "end_date": f"{day}"}
        with django_assert_max_num_queries(80) as made:
            client.get(reverse("admin:practice_closure_add"), asked)
        return len(made.captured_queries)

    assert queries(3, tomorrow()) == queries(30, tomorrow() + timedelta(days=1))


# ---------------------------------------------------------------- what makes no sense


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"start_time": "12:00", "end_time": "09:00"}, "The closure ends before it starts"),
        ({"practitioner": ""}, "Whose? Choose who is off sick"),
        ({"kind": "bank-holiday"}, "A bank holiday is everybody&#x27;s. Choose Leave instead"),
    ],
    ids=["times in the wrong order", "nobody is off sick", "one person's bank holiday"],
)
def test_a_closure_that_makes_no_sense_is_refused_in_words(
    practice, client, manager, changed, said
):
    address = reverse("admin:practice_closure_add")
    wrong = {**values(make_practitioner()), **changed}

    assert said in text(client.get(address, wrong))
    assert client.post(address, {**wrong, "digest": "x"}).status_code == 422
    assert not Closure.objects.exists()


def test_nothing_is_closed_without_what_was_shown(practice, client, manager, sick):
    gp, *_ = sick

    answer = client.post(reverse("admin:practice_closure_add"), values(gp))

    assert answer.status_code == 409
    assert not Closure.objects.filter(kind="sick").exists()


# ---------------------------------------------------------------- the page of a closure


def closed(client, gp) -> Closure:
    close(client, gp)
    return Closure.objects.get(kind="sick")


def test_its_name_can_be_changed_and_its_time_cannot(practice, client, manager, sick):
    closure = closed(client, sick[0])
    address = reverse("admin:practice_closure_change", args=[closure.pk])

    client.post(address, {"kind": "leave", "name": "Funeral", "start_date": "2020-01-01"})

    closure.refresh_from_db()
    assert (closure.kind, closure.name) == ("leave", "Funeral")
    assert closure.start_date == tomorrow()
    event = AuditEvent.objects.get(event="closure.change")
    assert event.detail["changes"]["name"] == {"from": "Clinician unwell", "to": "Funeral"}


def test_what_does_not_go_with_whom_it_is_for_is_refused(practice, client, manager, sick):
    closure = closed(client, sick[0])
    address = reverse("admin:practice_closure_change", args=[closure.pk])

    answer = client.post(address, {"kind": "bank-holiday", "name": "Christmas"})

    closure.refresh_from_db()
    assert answer.status_code == 422
    assert closure.kind == "sick"


def test_who_may_only_look_sees_no_patients_and_changes_nothing(practice, client, manager, sick):
    _, _, patient, _ = sick
    closure = closed(client, sick[0])
    client.force_login(make_staff(practice.organisation, role=AUDITOR))
    address = reverse("admin:practice_closure_change", args=[closure.pk])

    page = client.get(address)

    assert "Clinician unwell" in text(page)
    assert patient.patient.full_name not in text(page)
    assert client.post(address, {"kind": "leave"}).status_code == 403
    reopening = reverse("admin:practice_closure_delete", args=[closure.pk])
    assert client.get(reopening).status_code == client.post(reopening).status_code == 403


# ---------------------------------------------------------------- opening again


def test_opening_again_shows_what_comes_back_and_brings_back_that(practice, client, manager, sick):
    gp, slots, *_ = sick
    closure = closed(client, gp)
    address = reverse("admin:practice_closure_delete", args=[closure.pk])

    page = client.get(address)
    assert page.context_data["counts"]["slots_restored"] == 2
    assert Closure.objects.filter(kind="sick").exists()
    client.post(address, {"digest": page.context_data["returning"].digest})

    assert not Closure.objects.filter(kind="sick").exists()
    assert not Slot.objects.filter(pk__in=[slot.pk for slot in slots], withdrawn=True).exists()


def test_a_diary_that_changed_since_the_return_was_shown_is_not_opened(
    practice, client, manager, sick
):
    closure = closed(client, sick[0])
    address = reverse("admin:practice_closure_delete", args=[closure.pk])
    digest = client.get(address).context_data["returning"].digest
    Closure.objects.create(
        organisation=practice.organisation, start_date=tomorrow(), end_date=tomorrow()
    )

    answer = client.post(address, {"digest": digest})

    assert answer.status_code == 409
    assert "Nothing was opened" in text(answer)
    assert Closure.objects.filter(pk=closure.pk).exists()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_two_managers_who_open_the_same_time_again_one_does_and_one_is_told(
    practice, sick, monkeypatch
):
    """Both have found the closure before either takes it away."""
    gp, slots, *_ = sick
    browsers = [signed_in(practice.organisation, role=MANAGER) for _ in range(2)]
    closure = closed(browsers[0], gp)
    address = reverse("admin:practice_closure_delete", args=[closure.pk])
    digest = browsers[0].get(address).context_data["returning"].digest
    found, reopen = Barrier(2), reopening.reopen

    def reopen_once_both_have_found_it(**what):
        found.wait(30)
        return reopen(**what)

    monkeypatch.setattr(reopening, "reopen", reopen_once_both_have_found_it)
    answers = at_once(
        [
            in_its_own_connection(lambda browser=browser: browser.post(address, {"digest": digest}))
            for browser in browsers
        ]
    )

    assert [answer.status_code for answer in answers] == [302, 302]
    lists = [
        text(browser.get(answer.url)) for browser, answer in zip(browsers, answers, strict=True)
    ]
    assert sum("Open again: " in page for page in lists) == 1
    assert sum("somebody else has opened it again" in page for page in lists) == 1
    assert AuditEvent.objects.filter(event="closure.delete").count() == 1
    assert not Slot.objects.filter(pk__in=[slot.pk for slot in slots], withdrawn=True).exists()


# ---------------------------------------------------------------- off sick today


@pytest.fixture
def desk(practice, client):
    """A receptionist, and a clinician with a session today."""
    client.force_login(make_staff(practice.organisation))
    gp = make_practitioner()
    start = max(timezone.now() - timedelta(minutes=5), clock.day_start(clock.today(timezone.now())))
    make_slots(6, make_schedule(start=start, session_holder=gp))
    return gp


def sick_today(gp, **other):
    today = str(clock.today(timezone.now()))
    asked = {"kind": "sick", "practitioner": gp.pk, "start_date": today, "end_date": today}
    return {**asked, **other}


def test_a_receptionist_reports_who_is_off_sick_today_and_nothing_else(client, desk):
    address = reverse("admin:practice_closure_add")
    tomorrow_ = str(tomorrow())

    page = client.get(address, sick_today(desk))
    assert "Nothing has changed yet" in text(page)
    for more in (
        {"kind": "leave"},
        {"kind": "closed", "practitioner": ""},
        {"end_date": tomorrow_},
        {"start_date": tomorrow_, "end_date": tomorrow_},
    ):
        asked = sick_today(desk, **more)
        assert client.get(address, asked).status_code == 403
        assert client.post(address, {**asked, "digest": ""}).status_code == 403

    done = client.post(address, sick_today(desk, digest=page.context["plan"].digest))

    closure = Closure.objects.get()
    assert done["Location"] == reverse("admin:practice_closure_change", args=[closure.pk])
    assert client.get(done["Location"]).context["may_call"]
    assert (
        client.get(reverse("admin:practice_closure_delete", args=[closure.pk])).status_code == 403
    )
