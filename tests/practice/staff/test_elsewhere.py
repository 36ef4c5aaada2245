"""Booking elsewhere on its pages: whom one may ask, what is said before and after, who may."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.exceptions import ElsewhereNotSent, ElsewhereUnknown
from practice.models import AuditEvent, RemoteAppointment
from practice.services.elsewhere.wire import RemoteBooking
from tests.practice.elsewhere_world import ASID, OtherEnd, offered, other_ends
from tests.practice.staff.diary_world import words_of
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import (
    make_organisation,
    make_patient,
)
from workbench.staff import (
    ADMINISTRATOR,
    AUDITOR,
    CLINICIAN,
    MANAGER,
    RECEPTIONIST,
    signed_in,
)

pytestmark = pytest.mark.django_db

SEARCH = "/admin/elsewhere/"


def text(answer) -> str:
    return words_of(answer.content.decode())


@pytest.fixture
def hub(practice, monkeypatch):
    """A hub that knows the patient and offers two times, and one that is down."""
    practice.organisation.asid = ASID
    practice.organisation.save()
    end = OtherEnd(times=[offered(), offered(10)], known={practice.patient.nhs_number: "31"})
    silent = ElsewhereNotSent("Down Hub does not answer.")
    down = OtherEnd(fails={"free_times": silent, "read": silent})
    other_ends(monkeypatch, **{"Hub": end, "Down Hub": down})
    end.service = make_remote_service(practice.organisation, name="Hub")
    end.down = make_remote_service(practice.organisation, name="Down Hub")
    return end


@pytest.fixture
def client(practice, hub):
    return signed_in(practice.organisation, role=RECEPTIONIST)


def searched(client, practice, hub):
    ask = {
        "patient": practice.patient.pk,
        "ask": 1,
        "services": [hub.service.pk, hub.down.pk],
        "first": str(offered().start.date()),
        "days": 7,
    }
    return client.get(SEARCH, ask)


def offer_of(page, number=0) -> str:
    return page.context_data["answers"][0 if page.context_data["answers"][0]["days"] else 1][
        "days"
    ][0][1][number]["book"]


def sent_by(page) -> dict[str, str]:
    """What the form of the last step sends."""
    context = page.context_data
    sent = {"patient": context["patient"].pk, "offer": context["offer"], "description": "Cough"}
    return sent if context["is_known"] else {**sent, "register": "1"}


def booked(client, practice, hub):
    address = offer_of(searched(client, practice, hub))
    page = client.get(address)
    return client.post(urlsplit(address).path, sent_by(page), follow=True)


# ---------------------------------------------------------------- the journey


def test_from_the_patients_page_to_a_booking_elsewhere_and_back(client, practice, hub):
    file = reverse("admin:practice_patient_page", args=[practice.patient.pk])
    assert "Book elsewhere…" in text(client.get(file))

    page = searched(client, practice, hub)
    assert "Down Hub does not answer." in text(page)
    assert "Dr Hilda Elsewhere, Hilltop House" in text(page)
    assert "09:10" in text(page)

    address = offer_of(page, 1)
    page = client.get(address)
    assert "Hub knows this patient" in text(page)
    done = client.post(urlsplit(address).path, sent_by(page), follow=True)

    assert "Booked at Hub." in text(done)
    made = RemoteAppointment.objects.get()
    assert (made.state, made.description, made.first_slot) == ("booked", "Cough", "711")
    shown = text(client.get(file))
    assert "Booked elsewhere (1)" in shown
    assert "Hub" in shown
    assert "in-person" in shown


def test_a_registration_there_is_said_before(client, practice, hub):
    hub.known = {}
    address = offer_of(searched(client, practice, hub))

    page = client.get(address)
    assert "Hub does not know this patient yet." in text(page)
    assert "Register and book" in text(page)
    done = client.post(urlsplit(address).path, sent_by(page), follow=True)

    assert "Booked at Hub." in text(done)
    assert hub.asked[-3:] == ["find", "register", "book"]


def test_who_does_not_answer_at_the_last_step_is_said_and_nothing_is_stored(client, practice, hub):
    address = offer_of(searched(client, practice, hub))
    hub.fails = {"find": ElsewhereNotSent("Hub does not answer.")}

    page = client.get(address)

    assert "Hub does not answer. Nothing was booked." in text(page)
    assert "Book " + practice.patient.full_name not in text(page)
    assert RemoteAppointment.objects.count() == 0


def test_a_lost_answer_is_not_known_and_found_out_by_one_button(client, practice, hub):
    hub.after = {"book": ElsewhereUnknown("Hub gave no answer.")}

    page = booked(client, practice, hub)

    assert "not known yet whether it is booked" in text(page)
    assert "Find out" in text(page)
    again = offer_of(searched(client, practice, hub), 1)
    refused = client.post(urlsplit(again).path, sent_by(client.get(again)))
    assert refused.status_code == 422
    assert "Nothing was sent" in text(refused)
    assert hub.asked.count("book") == 1

    made = RemoteAppointment.objects.get()
    address = reverse("admin:remote_appointment", args=[made.pk])
    page = client.post(address, {"do": "find-out"}, follow=True)
    made.refresh_from_db()
    assert made.state == "booked"
    assert "Hub: booked" in text(page)


def test_it_is_cancelled_from_its_page_with_a_reason(client, practice, hub):
    booked(client, practice, hub)
    made = RemoteAppointment.objects.get()
    address = reverse("admin:remote_appointment", args=[made.pk])

    assert "Why is it cancelled?" in text(client.get(f"{address}?ask=cancel"))
    assert client.post(address, {"do": "cancel", "reason": ""}).status_code == 422
    page = client.post(address, {"do": "cancel", "reason": "Feels better"}, follow=True)

    assert "Hub: cancelled" in text(page)
    assert hub.bookings["91"].is_cancelled
    assert client.post(address, {"do": "nothing"}).status_code == 404


def test_the_patients_page_asks_nobody_and_its_button_asks_everybody(client, practice, hub):
    """Who is down is named; what another has cancelled shows."""
    whose = {"patient": practice.patient}
    make_remote_appointment(hub.service, **whose)
    make_remote_appointment(hub.down, **whose)
    hub.bookings = {"91": RemoteBooking("91", ("701",), True, "Surgery closed")}

    client.get(reverse("admin:practice_patient_page", args=[practice.patient.pk]))
    assert hub.asked == []

    page = client.post(f"{SEARCH}now/", {"patient": practice.patient.pk}, follow=True)

    assert "Cancelled" in text(page)
    assert "Down Hub" in text(page)
    assert [each.state for each in RemoteAppointment.objects.order_by("pk")] == [
        "cancelled", "booked",
    ]  # fmt: skip


# ---------------------------------------------------------------- what is refused


def test_only_what_was_offered_here_lately_is_booked(client, practice, hub, settings):
    """A signature of another practice, or none, is no offer; neither is an old one."""
    address = offer_of(searched(client, practice, hub))
    [offer] = parse_qs(urlsplit(address).query)["offer"]
    sent = {"patient": practice.patient.pk, "offer": offer, "description": "Cough"}
    path = urlsplit(address).path

    other = make_organisation(asid=ASID)
    theirs = signed_in(other, role=RECEPTIONIST)
    patient = make_patient(other)
    for client_, spoiled in (
        (client, {"offer": f"{offer}x"}),
        (client, {"offer": ""}),
        (theirs, {"patient": patient.pk}),
    ):
        page = client_.post(path, {**sent, **spoiled}, follow=True)
        assert "search again" in text(page)

    hub.service.active = False
    hub.service.save()
    assert "search again" in text(client.post(path, sent, follow=True))
    assert RemoteAppointment.objects.count() == 0
    assert "book" not in hub.asked


def test_a_patient_whom_others_may_not_know_is_not_booked(client, practice, hub):
    patient = make_patient(practice.organisation, nhs_number_verification="02")

    page = client.get(SEARCH, {"patient": patient.pk})

    assert "NHS number is not verified" in text(page)
    assert "Ask for free times" not in text(page)


@pytest.mark.parametrize("role", [AUDITOR, CLINICIAN, ""])
def test_others_than_reception_are_refused(practice, hub, role):
    made = make_remote_appointment(hub.service, patient=practice.patient)
    client = signed_in(practice.organisation, role=role)
    whose = {"patient": practice.patient.pk}
    one = reverse("admin:remote_appointment", args=[made.pk])

    for verb, address in (
        ("get", SEARCH), ("get", f"{SEARCH}book/"), ("post", f"{SEARCH}book/"),
        ("post", f"{SEARCH}now/"), ("get", one), ("post", one),
    ):  # fmt: skip
        assert getattr(client, verb)(address, whose).status_code == 403
    assert hub.asked == []


@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, ADMINISTRATOR])
def test_reception_and_who_leads_it_may(practice, hub, role):
    client = signed_in(practice.organisation, role=role)

    assert searched(client, practice, hub).status_code == 200


def test_nothing_of_another_practice_is_met(practice, hub, client):
    other = make_organisation()
    theirs = make_remote_appointment(make_remote_service(other))

    for address in (
        reverse("admin:remote_appointment", args=[theirs.pk]),
        f"{SEARCH}?patient={theirs.patient_id}",
    ):
        assert client.get(address).status_code == 404
    answer = client.post(reverse("admin:remote_appointment", args=[theirs.pk]), {"do": "find-out"})
    assert answer.status_code == 404
    ask = {"patient": practice.patient.pk, "ask": 1, "services": theirs.service_id, "days": 1}
    page = client.get(SEARCH, {**ask, "first": str(timezone.now().date())})
    assert page.context_data["answers"] == []


def test_what_others_say_is_escaped(client, practice, hub):
    hub.times = [offered(with_whom="<script>alert(1)</script>", slot_type="<b>x</b>")]

    body = searched(client, practice, hub).content.decode()
    page = booked(client, practice, hub).content.decode()

    for shown in (body, page):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert" in shown


def test_who_looks_at_one_is_in_the_trail(client, practice, hub):
    made = make_remote_appointment(hub.service, patient=practice.patient)

    client.get(reverse("admin:remote_appointment", args=[made.pk]))

    event = AuditEvent.objects.get(event="elsewhere.viewed")
    assert (event.patient_id, event.resource) == (
        practice.patient.pk,
        f"RemoteAppointment/{made.pk}",
    )


def test_booking_leads_there_only_where_somebody_can_be_asked(client, practice, hub):
    when = f"/admin/practice/appointment/add/?patient={practice.patient.pk}"
    assert "Book elsewhere" in text(client.get(when))

    type(hub.service).objects.all().update(active=False)
    assert "Book elsewhere" not in text(client.get(when))
    file = reverse("admin:practice_patient_page", args=[practice.patient.pk])
    assert "Book elsewhere" not in text(client.get(file))
    assert "No other organisation is kept yet" in text(
        client.get(SEARCH, {"patient": practice.patient.pk})
    )
