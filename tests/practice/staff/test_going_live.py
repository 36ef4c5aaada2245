"""What the page of a rehearsal says while another organisation's system does the steps, or not."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from fhirapi import ssp
from practice.models import Appointment, Patient, Rehearsal, Schedule, Slot
from practice.staff.urls import urlpatterns
from tests import test_tenancy
from tests.practice.rehearsal_world import PAGE, WHOM, OtherSide
from tests.practice.staff.diary_world import words_of
from workbench.bodies import appointment_body
from workbench.consumer import CONSUMER_ODS_CODE, Consumer
from workbench.factories import make_organisation, make_schedule, make_slots
from workbench.staff import ADMINISTRATOR, AUDITOR, MANAGER, RECEPTIONIST, make_staff, superuser

pytestmark = pytest.mark.django_db


def text(answer):
    """What a person reads on a page."""
    return words_of(answer.content.decode())


@pytest.fixture
def rehearsal(practice, manager):
    manager.post(PAGE, WHOM)
    return Rehearsal.objects.get()


@pytest.fixture
def theirs(practice, rehearsal):
    return OtherSide(practice, rehearsal)


@pytest.fixture
def page(manager, rehearsal):
    """What the page says now."""
    return lambda: text(manager.get(f"{PAGE}{rehearsal.pk}/"))


def done(said):
    """Each step as the page has it: done, out of order, not yet."""
    rest = said[said.index("Steps") : said.index("What went wrong")]
    words = []
    for title, following in zip(STEPS, [*STEPS[1:], ""], strict=True):
        row = rest[rest.index(title) : rest.index(following) if following else len(rest)]
        words.append(
            "done"
            if re.search(r"Done \w{3} \d", row)
            else "out of order"
            if "Out of order" in row
            else "not yet"
        )
    return dict(zip(STEPS, words, strict=True))


STEPS = [
    "It searches for free slots",
    "It is offered the test slots",
    "It finds the test patient",
    "It books a test slot",
    "The practice sees the booking",
    "It amends the booking",
    "It cancels the booking",
    "It is refused the restricted slot",
    "It is told that a patient is not registered",
]


# ---------------------------------------------------------------- what the other side is told


def test_the_other_side_is_told_what_its_system_needs(practice, manager, settings):
    settings.GPCONNECT_HOST = "fhir.practice.example"

    said = manager.get(PAGE).content.decode()

    assert f"://fhir.practice.example{Consumer(practice.organisation).base}" in said
    assert practice.organisation.asid in said
    assert f'value="ODS:{practice.organisation.ods_code}"' in said
    assert f'value="ASID:{practice.organisation.asid}"' in said
    for each in ssp.INTERACTIONS:
        assert each.id in said


# ---------------------------------------------------------------- a client from step to step


def test_each_step_is_ticked_when_the_other_side_has_done_it(manager, rehearsal, theirs, page):
    here = f"{PAGE}{rehearsal.pk}/"
    assert f"Nothing has come from {CONSUMER_ODS_CODE} yet." in page()
    assert set(done(page()).values()) == {"not yet"}
    acts = [
        (theirs.search, 200, {"It searches for free slots", "It is offered the test slots"}),
        (theirs.find, 200, {"It finds the test patient"}),
        (theirs.book, 201, {"It books a test slot"}),
        (
            lambda: manager.post(here, {"do": "seen"}),
            302,
            {"The practice sees the booking"},
        ),
        (theirs.amend, 200, {"It amends the booking"}),
        (theirs.cancel, 200, {"It cancels the booking"}),
        (theirs.book_restricted, 422, {"It is refused the restricted slot"}),
        (
            lambda: theirs.find(theirs.not_registered.nhs_number),
            200,
            {"It is told that a patient is not registered"},
        ),
    ]

    ticked = set()
    for act, status, steps in acts:
        assert act().status_code == status
        ticked |= steps
        assert {step for step, word in done(page()).items() if word == "done"} == ticked

    assert "Every step was done" in page()
    assert "What went wrong Nothing." in page()
    manager.post(here, {"do": "end"})
    assert "Ended" in page()
    assert "Every step was done" in page()
    assert set(done(page()).values()) == {"done"}
    assert "For the practice: name, signature, date" in page()


def test_the_page_shows_the_practice_what_was_booked(manager, rehearsal, theirs, page):
    theirs.book()

    assert "“Sore throat for five days.”, comment “Hard of hearing.”, by Test Hospital" in page()

    theirs.cancel()
    refused = manager.post(f"{PAGE}{rehearsal.pk}/", {"do": "seen"}, follow=True)
    assert "Nothing is booked now: ask them to book again." in text(refused)
    assert done(page())["The practice sees the booking"] == "not yet"


def test_what_is_done_in_the_wrong_order_is_said_and_can_be_done_again(theirs, page):
    theirs.book()
    theirs.cancel()

    assert done(page())["It books a test slot"] == "out of order"
    assert done(page())["It cancels the booking"] == "out of order"
    assert "It booked before it had searched" in page()
    assert "It cancelled before it had amended" in page()
    assert theirs.amend().status_code == 422
    assert "It tried to amend, and was refused" in page()

    for act in (theirs.search, theirs.find, theirs.book, theirs.amend, theirs.cancel):
        act()
    words = done(page())
    assert [words[step] for step in STEPS[:4]] == ["done"] * 4
    assert words["It cancels the booking"] == "done"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            lambda theirs, practice: theirs.search(days=20),
            "It searched for 20 days: at most 14 are allowed.",
        ),
        (
            lambda theirs, practice: theirs.search(named=""),
            f"It searched without its own ODS code, {CONSUMER_ODS_CODE}, as searchFilter",
        ),
        (
            lambda theirs, practice: theirs.book(patient=practice.patient),
            "It tried to book a test slot for another patient, and was refused.",
        ),
        (
            lambda theirs, practice: theirs.book(slot=make_slots(1, make_schedule())[0]),
            "It tried to book a real slot for the test patient, and was refused.",
        ),
        (
            lambda theirs, practice: theirs.find(practice.patient.nhs_number),
            "It looked up a real patient of the practice, not the test patient.",
        ),
        (
            lambda theirs, practice: theirs.find("9990000018"),
            "It looked for an NHS number that is not the test patient’s.",
        ),
        (
            lambda theirs, practice: theirs.consumer.book(
                appointment_body(slots=make_slots(1), patient=practice.patient)
            ),
            "It made a real booking, Appointment/",
        ),
        (
            lambda theirs, practice: theirs.consumer.search_slots(token="none"),
            "A request did not say who asks, and was refused",
        ),
        (
            lambda theirs, practice: theirs.consumer.read_appointment(987654),
            "A request was refused:",
        ),
    ],
)
def test_what_went_wrong_is_named(practice, theirs, page, act, said):
    act(theirs, practice)

    assert said in page()
    assert "done" not in {word for step, word in done(page()).items() if "search" not in step}
    assert practice.patient.nhs_number not in page()
    assert practice.patient.family_name not in page()


def test_a_search_of_another_day_is_answered_with_the_day(theirs, page):
    first = theirs.report.day - timedelta(days=3)
    theirs.consumer.search_slots(
        {
            "status": "free",
            "start": f"ge{first}T09:00:00+00:00",
            "end": f"le{first}T12:00:00+00:00",
            "_include": "Slot:schedule",
            "searchFilter": f"https://fhir.nhs.uk/Id/ods-organization-code|{CONSUMER_ODS_CODE}",
        }
    )

    assert f"the test slots are on {theirs.report.day:%A %-d %B}, from 10:00" in page()
    assert done(page())["It is offered the test slots"] == "not yet"


def test_the_page_brings_itself_up_to_date(manager, rehearsal, theirs):
    shown = manager.get(f"{PAGE}{rehearsal.pk}/")
    address = shown.context["live"]["address"]
    tag = f'"{shown.context["live"]["version"]}"'
    assert manager.get(address, headers={"If-None-Match": tag}).status_code == 304

    theirs.search()

    assert manager.get(address, headers={"If-None-Match": tag}).status_code == 200
    (part,) = manager.get(f"/admin/changes/going-live/{rehearsal.pk}/").json()["parts"].values()
    assert done(words_of(part))["It searches for free slots"] == "done"


# ---------------------------------------------------------------- half-way, given up, over, again


def test_one_given_up_half_way_leaves_nothing_but_its_record(practice, manager, rehearsal, theirs):
    theirs.search()
    theirs.find()
    theirs.book()
    theirs.book(patient=practice.patient)
    here = f"{PAGE}{rehearsal.pk}/"

    said = text(manager.post(here, {"do": "end"}, follow=True))

    assert "Given up" in said
    assert "Its slots are withdrawn, what was booked in them is cancelled." in said
    assert [done(said)[step] for step in STEPS[:5]] == ["done"] * 4 + ["not yet"]
    assert "It tried to book a test slot for another patient, and was refused." in said
    assert not Appointment.with_tests.live().exists()
    assert not Slot.with_tests.filter(withdrawn=False).exists()
    assert not Schedule.with_tests.filter(withdrawn=False).exists()
    assert not Patient.with_tests.filter(rehearsal=rehearsal, active=True).exists()
    assert theirs.found_slots() == []
    assert theirs.find().status_code == 200
    assert theirs.book(slot=theirs.report.offered[1]).status_code == 422
    assert text(manager.get(here)) == text(manager.get(here)), "what comes later changes nothing"

    manager.post(PAGE, WHOM)
    again = OtherSide(practice, Rehearsal.objects.first())
    assert len(again.found_slots()) == 3
    assert manager.post(PAGE, WHOM).status_code == 422, "one at a time with one organisation"


def test_it_ends_by_itself(practice, client, rehearsal, theirs, monkeypatch, page):
    theirs.search()
    theirs.book()
    later = timezone.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert theirs.found_slots() == [], "before anybody has noticed that its time is over"
    assert theirs.consumer.read_appointment(theirs.appointment["id"]).status_code == 404
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    assert "Its time is over" in page()

    call_command("watch_promises", verbosity=0)

    rehearsal.refresh_from_db()
    assert rehearsal.ending == "over"
    assert "Its time was over" in page()
    assert not Appointment.with_tests.live().exists()
    practice.organisation.refresh_from_db()
    assert practice.organisation.rehearsing_until is None


# ---------------------------------------------------------------- who else


def test_nobody_else_meets_the_test_patient_and_the_slots(practice, rehearsal, theirs):
    """Of another organisation no question is answered otherwise than without a rehearsal."""
    assert len(theirs.found_slots()) == 3
    theirs.book()
    pk, day = theirs.appointment["id"], theirs.report.day
    other = {
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "B2002"}
            ],
            "name": "Somebody else",
        }
    }
    stranger = OtherSide(practice, rehearsal, claims=other)

    assert stranger.found_slots() == []
    assert stranger.found_slots(named="B2002") == []
    assert theirs.found_slots(named="B2002") == []
    assert b'"entry"' not in stranger.find().content
    assert stranger.consumer.read_patient(theirs.test.pk).status_code == 404
    assert stranger.consumer.read_appointment(pk).status_code == 404
    assert stranger.consumer.retrieve(theirs.test.pk, str(day), str(day)).status_code == 404
    assert stranger.book(slot=theirs.report.offered[1]).status_code == 422
    stranger.appointment = theirs.appointment
    assert stranger.amend().status_code == 404
    assert stranger.cancel().status_code == 404
    assert Appointment.with_tests.get().status == "booked"

    mine = theirs.consumer
    assert mine.read_patient(theirs.test.pk).status_code == 200
    assert mine.read_appointment(pk).status_code == 200
    assert pk in mine.retrieve(theirs.test.pk, str(day), str(day)).content.decode()
    assert mine.read_patient(theirs.not_registered.pk).status_code == 404


def test_no_page_and_no_list_shows_what_is_a_test_but_that_of_the_rehearsal(
    practice, rehearsal, theirs
):
    """Every list and page of the site that needs no record in its address, asked by who may all."""
    theirs.book()
    browser = superuser()
    day = theirs.report.day
    names = [f"{name}_changelist" for _, name in test_tenancy.lists()]
    names += [each.name for each in urlpatterns if "<" not in str(each.pattern)]
    asked = {f"{reverse(f'admin:{name}')}?date={day}" for name in names}

    shown = [
        address
        for address in sorted(asked - {f"/admin/audit/?date={day}"})
        for said in [browser.get(address, follow=True).content.decode()]
        if any(word in said for word in (theirs.test.nhs_number, "TEST, not a real", "Donotuse"))
    ]

    assert len(asked) > 30
    assert shown == []
    found = browser.get("/admin/practice/patient/?q=XXTESTPATIENT").content.decode()
    assert "Donotuse" not in found


def test_staff_book_no_real_patient_into_a_test_slot(practice, rehearsal, theirs, manager):
    add = reverse("admin:practice_appointment_add")
    slot, real = theirs.report.offered[0], make_slots(1)[0]
    for asked in (
        {"patient": practice.patient.pk, "slots": slot.pk},
        {"patient": theirs.test.pk, "slots": real.pk},
    ):
        manager.post(add, {**asked, "description": "By mistake"})

    assert not Appointment.with_tests.exists()


@pytest.mark.parametrize(
    ("role", "sees", "begins"),
    [(RECEPTIONIST, 403, 403), (AUDITOR, 200, 403), (MANAGER, 200, 302), (ADMINISTRATOR, 200, 302)],
)
def test_who_may_see_and_hold_a_rehearsal(practice, client, role, sees, begins):
    client.force_login(make_staff(practice.organisation, role=role))

    assert client.get(PAGE).status_code == sees
    assert client.post(PAGE, WHOM).status_code == begins
    for rehearsal in Rehearsal.objects.all():
        here = f"{PAGE}{rehearsal.pk}/"
        assert client.get(here).status_code == 200
        assert client.post(here, {"do": "end"}).status_code == 302


def test_an_auditor_ends_nothing_and_a_neighbour_finds_nothing(practice, rehearsal, client):
    client.force_login(make_staff(practice.organisation, role=AUDITOR))
    assert client.post(f"{PAGE}{rehearsal.pk}/", {"do": "end"}).status_code == 403
    client.force_login(make_staff(make_organisation(), role=MANAGER))
    assert client.get(f"{PAGE}{rehearsal.pk}/").status_code == 404
    assert client.get(f"/admin/changes/going-live/{rehearsal.pk}/").status_code == 404


def test_none_begins_while_gp_connect_is_off(practice, manager):
    practice.organisation.appointment_management_enabled = False
    practice.organisation.save()

    answer = manager.post(PAGE, WHOM)

    assert answer.status_code == 422
    assert "Switch GP Connect and appointment management on first" in answer.content.decode()
    assert not Rehearsal.objects.exists()
