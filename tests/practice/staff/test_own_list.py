"""My list: whose it is, what can be done on it, what it shows while it is open, who may."""

import re

import pytest

from practice.models import AuditEvent, CalledIn, DeskMessage, Membership
from tests.practice.admin_world import words
from tests.practice.staff.diary_world import (
    DURING,
    MORNING,
    THURSDAY,
    appointment_address,
    booked,
    post,
)
from workbench.factories import (
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import ADMINISTRATOR, AUDITOR, CLINICIAN, MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db
PAGE, CHANGES = "/admin/my-list/", "/admin/changes/my-list/"


@pytest.fixture
def gp(practice):
    return make_practitioner(family_name="Specimen")


@pytest.fixture
def slots(gp):
    return make_slots(4, make_schedule(start=MORNING, date=THURSDAY, session_holder=gp))


@pytest.fixture
def clinician(practice, gp, client, monkeypatch):
    """Dr Specimen at 09:25 of the Thursday, in a browser."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    user = make_staff(practice.organisation, role=CLINICIAN, first_name="Ada")
    Membership.objects.filter(user=user).update(session_holder=gp)
    client.force_login(user)
    return client


def do(client, appointment, step, **fields):
    appointment.refresh_from_db()
    return post(client, PAGE, step, appointment.version, appointment=appointment.pk, **fields)


def state(client):
    """The colour of the one line of the list, and which steps it has buttons for."""
    html = client.get(CHANGES).json()["parts"]["own-list"]
    [colour] = re.findall(r'class="own-row own-(\w+)', html)
    return colour, sorted(re.findall(r'name="do" value="(\w+)"', html))


def test_a_patient_is_taken_through_the_day_and_back(clinician, slots):
    appointment = booked(slots[0])
    assert state(clinician) == ("booked", ["arrived", "in", "message", "missed", "seen"])

    for step, then in [
        ("arrived", ("arrived", ["in", "message", "seen", "undo"])),
        ("in", ("in", ["message", "seen", "undo"])),
        ("seen", ("seen", ["message", "undo"])),
        ("undo", ("in", ["message", "seen", "undo"])),
        ("undo", ("arrived", ["in", "message", "seen", "undo"])),
        ("undo", ("booked", ["arrived", "in", "message", "missed", "seen"])),
        ("in", ("in", ["message", "seen", "undo"])),
    ]:
        assert do(clinician, appointment, step).status_code == 303
        assert state(clinician) == then, step

    assert CalledIn.objects.get().by_name == "Ada"
    assert list(
        AuditEvent.objects.filter(event__startswith="appointment.")
        .exclude(event="appointment.booked")
        .order_by("pk")
        .values_list("event", flat=True)
    ) == [
        "appointment.marked",
        "appointment.called_in",
        "appointment.marked",
        "appointment.undone",
        "appointment.not_called_in",
        "appointment.undone",
        "appointment.marked",
        "appointment.called_in",
    ]


def test_what_somebody_else_has_changed_is_not_overwritten(clinician, slots):
    appointment = booked(slots[0])

    page = clinician.post(
        PAGE,
        {"do": "seen", "appointment": appointment.pk, "expected_version": "0"},
        follow=True,
    )

    appointment.refresh_from_db()
    assert appointment.status == "booked"
    assert "Somebody else was quicker" in words(page)


def test_it_shows_what_a_clinician_needs_and_records_whom_it_shows(clinician, slots, practice):
    appointment = booked(slots[0], family_name="Faux")
    appointment.patient.notes.create(text="Hard of hearing", written_at=MORNING)
    appointment.patient.notes.create(text="Gone", written_at=MORNING, ended_at=MORNING)
    other = make_schedule(start=MORNING, date=THURSDAY, session_holder=make_practitioner())
    booked(make_slots(1, other)[0], family_name="Elsewhere")

    page = words(clinician.get(PAGE))

    assert "Faux" in page
    assert "Elsewhere" not in page
    assert appointment.patient.telecoms.get().value in page
    assert "Hard of hearing" in page
    assert "Gone" not in page
    assert "patient/" not in page  # no way to anybody's records
    event = AuditEvent.objects.get(event="own_list.viewed")
    assert event.detail["patients"] == [appointment.patient_id]


def test_a_clinician_marks_nobody_of_another_list(clinician, slots, practice):
    other = make_schedule(start=MORNING, date=THURSDAY, session_holder=make_practitioner())
    theirs = booked(make_slots(1, other)[0])
    neighbour = make_organisation()
    elsewhere = booked(make_slots(1, make_schedule(neighbour, start=MORNING, date=THURSDAY))[0])

    for appointment in (theirs, elsewhere):
        for step in ("arrived", "in", "seen", "message"):
            answer = do(clinician, appointment, step, text="x")
            assert answer.status_code == 404
        appointment.refresh_from_db()
        assert appointment.status == "booked"
    assert not DeskMessage.objects.exists()


def test_a_clinician_reaches_no_other_page(clinician, slots):
    appointment = booked(slots[0])

    assert [
        clinician.get(address).status_code
        for address in (
            "/admin/diary/",
            "/admin/worklist/",
            "/admin/clinic-list/",
            "/admin/practice/patient/",
            f"/admin/practice/patient/{appointment.patient_id}/",
            appointment_address(appointment),
            "/admin/practice/appointment/add/",
        )
    ] == [403] * 7
    front = words(clinician.get("/admin/"))
    assert "/admin/my-list/" in front
    assert "/admin/diary/" not in front


@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, ADMINISTRATOR, AUDITOR])
def test_nobody_else_has_a_list_of_their_own(practice, client, role):
    client.force_login(make_staff(practice.organisation, role=role))

    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"do": "in", "appointment": 1}).status_code == 403
    assert client.get(CHANGES).status_code == 403


def test_who_is_nobody_in_the_diary_is_told_who_can_say_it(practice, client):
    client.force_login(make_staff(practice.organisation, role=CLINICIAN))

    assert "Nobody has said yet who you are" in words(client.get(PAGE))
    assert client.post(PAGE, {"do": "in", "appointment": 1}).status_code == 404


def test_messages_go_to_reception_and_back(clinician, slots, practice, client):
    appointment = booked(slots[0], family_name="Faux")
    do(clinician, appointment, "message", text="Needs a longer one next time")

    client.force_login(make_staff(practice.organisation, first_name="Rita"))
    worklist = words(client.get("/admin/worklist/"))
    assert "Needs a longer one next time" in worklist
    assert "Messages from clinicians (1)" in worklist
    assert client.get("/admin/").context["to_do"].messages == 1
    shown = AuditEvent.objects.filter(event="call_list.viewed").latest("pk")
    assert shown.detail["patients"] == [appointment.patient_id]
    assert "1 message from clinicians" in words(client.get("/admin/diary/?date=2026-11-19"))
    assert "Needs a longer one" in words(client.get(appointment_address(appointment)))
    client.post(f"/admin/messages/{appointment.pk}/", {"text": "Booked for Monday"})
    assert "Messages from clinicians (0)" in words(client.get("/admin/worklist/"))

    client.force_login(Membership.objects.get(session_holder__isnull=False).user)
    page = words(client.get(PAGE))
    assert "Booked for Monday" in page
    assert "seen by Rita" in page
    assert ">Noted" in page
    do(client, appointment, "noted")
    assert ">Noted" not in words(client.get(PAGE))


def test_reception_answers_where_the_appointment_is(clinician, slots, practice, client):
    appointment = booked(slots[0])
    do(clinician, appointment, "message", text="Where is she?")
    client.force_login(make_staff(practice.organisation))
    address = appointment_address(appointment)

    post(client, address, "noted", appointment.version)
    post(client, address, "message", appointment.version, text="In the car park")

    first, second = DeskMessage.objects.all()
    assert first.seen_at == DURING
    assert (second.side, second.text) == ("reception", "In the car park")


def test_reception_sees_who_is_in(clinician, slots, practice, client):
    appointment = booked(slots[0], given_names="Max", family_name="Faux")
    do(clinician, appointment, "in")

    client.force_login(make_staff(practice.organisation))

    page = words(client.get(appointment_address(appointment)))
    assert "In since 09:25" in page
    assert "Undo: back to arrived" in page
    assert ' class="entry in' in words(client.get("/admin/diary/?date=2026-11-19"))
    assert client.get("/admin/").context["glance"].waiting == 0


def test_an_auditor_writes_no_message(clinician, slots, practice, client):
    appointment = booked(slots[0])
    client.force_login(make_staff(practice.organisation, role=AUDITOR))

    assert client.post(f"/admin/messages/{appointment.pk}/", {"text": "x"}).status_code == 403
    assert post(client, appointment_address(appointment), "message", 1, text="x").status_code == 403


def test_an_open_page_is_told_of_changes_and_only_of_them(clinician, slots):
    appointment = booked(slots[0])
    page = clinician.get(PAGE)
    part, live = page.context["parts"][0], page.context["live"]
    have = f'{{"own-list": "{part.digest}"}}'
    known = {"if-none-match": f'"{live["version"]}"'}
    assert clinician.get(live["address"], headers=known).status_code == 304
    assert clinician.get(CHANGES, {"have": have}).json()["parts"] == {}

    do(clinician, appointment, "in")

    assert clinician.get(live["address"], headers=known).status_code == 200
    assert "In since 09:25" in clinician.get(CHANGES, {"have": have}).json()["parts"]["own-list"]


def test_as_many_queries_for_many_as_for_few(
    clinician, gp, practice, django_assert_max_num_queries
):
    def queries(people, hours):
        start = MORNING.replace(hour=hours)
        session = make_schedule(start=start, date=THURSDAY, session_holder=gp)
        for slot in make_slots(people, session):
            appointment = booked(slot)
            appointment.patient.notes.create(text="Note", written_at=MORNING)
            appointment.desk_messages.create(side="reception", text="x", written_at=MORNING)
        with django_assert_max_num_queries(40) as made:
            clinician.get(PAGE)
        return len(made.captured_queries)

    assert queries(2, 9) == queries(12, 13)


def test_another_day_leads_to_the_next_session(clinician, slots):
    page = clinician.get(PAGE, {"date": "2026-11-16"})

    assert "You have no session on this day" in words(page)
    assert "Your next session: Thursday 19 November" in words(page)
    assert make_patient().full_name not in words(page)
