"""Booking elsewhere: what is stored before anything is sent, and what is never sent twice."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from practice.exceptions import (
    BookedPatientNotFound,
    ChangeRefused,
    ElsewhereNotSent,
    ElsewhereRefused,
    ElsewhereUnknown,
)
from practice.models import AuditEvent, RemoteAppointment
from practice.reads.elsewhere import caller_of
from practice.services.elsewhere.booking import book_elsewhere
from tests.practice.elsewhere_world import ASID, OtherEnd, offered, other_ends
from workbench.elsewhere import make_remote_service
from workbench.factories import (
    make_actor,
    make_patient,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(practice, monkeypatch):
    """A hub that knows the patient and offers a time."""
    practice.organisation.asid = ASID
    practice.organisation.save()
    end = OtherEnd(times=[offered()], known={practice.patient.nhs_number: "31"})
    other_ends(monkeypatch, Hub=end)
    end.service = make_remote_service(practice.organisation, name="Hub")
    return end


def book(practice, hub, **values):
    return book_elsewhere(
        **{
            "organisation": practice.organisation,
            "patient": practice.patient,
            "service": hub.service,
            "time": offered(),
            "description": "Sore throat",
            "may_register": False,
            "caller": caller_of(
                make_staff(practice.organisation), organisation=practice.organisation
            ),
            "actor": make_actor(door="staff", name="Rita Reception"),
            "now": timezone.now(),
            **values,
        }
    )


def events() -> list[str]:
    found = AuditEvent.objects.filter(event__startswith="elsewhere.").order_by("pk")
    return [each.event.removeprefix("elsewhere.") for each in found]


def test_a_time_is_booked_and_everything_of_it_is_kept(practice, hub):
    booked = book(practice, hub)

    assert booked.state == "booked"
    assert (booked.remote_id, booked.remote_patient_id, booked.first_slot) == ("91", "31", "701")
    assert booked.asked_by_name == "Rita Reception"
    assert (booked.with_whom, booked.slot_type) == ("Dr Hilda Elsewhere", "Routine")
    assert hub.asked == ["find", "book"]
    assert events() == ["asked", "sent", "booked"]
    event = AuditEvent.objects.get(event="elsewhere.booked")
    assert event.patient_id == practice.patient.pk
    assert (event.detail["at"], event.detail["ods_code"]) == ("Hub", "Y99001")


def test_who_is_not_known_there_is_registered_only_if_that_was_agreed_to(practice, hub):
    hub.known = {}

    refused = book(practice, hub)
    assert (refused.state, hub.asked) == ("not-booked", ["find"])
    assert refused.said == "Hub does not know this patient."

    booked = book(practice, hub, may_register=True)
    assert booked.state == "booked"
    assert hub.asked[1:] == ["find", "register", "book"]
    assert events()[-5:] == ["asked", "registering", "registered", "sent", "booked"]


@pytest.mark.parametrize("what", ["find", "book"])
def test_what_was_not_sent_or_refused_is_not_booked_and_may_be_tried_again(practice, hub, what):
    for failure in (ElsewhereNotSent("Hub does not answer."), ElsewhereRefused("Hub: taken.")):
        hub.fails = {what: failure}
        ended = book(practice, hub)
        assert (ended.state, ended.said) == ("not-booked", str(failure))

    hub.fails = {}
    assert book(practice, hub).state == "booked"


def test_a_booking_whose_answer_is_lost_is_not_known_and_never_sent_again(practice, hub):
    hub.after = {"book": ElsewhereUnknown("No answer.")}

    lost = book(practice, hub)

    assert (lost.state, lost.said, lost.remote_id) == ("asked", "No answer.", "")
    assert lost.sent_at
    for time in (offered(), offered(20)):  # another time there neither: two would stand
        with pytest.raises(ChangeRefused, match="Nothing was sent"):
            book(practice, hub, time=time)
    assert hub.asked == ["find", "book"]
    assert RemoteAppointment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_stored_as_not_known_before_it_is_sent_and_no_transaction_is_open(practice, hub):
    """A process that ends while it waits leaves what a person can find out about."""
    seen = []

    class Killed(BaseException):
        pass

    class Sending:
        def __bool__(self):
            return True

    def look(what):
        held = list(RemoteAppointment.objects.values_list("state", "sent_at"))
        seen.append((what, connection.in_atomic_block, held))
        if what == "book":
            raise Killed

    hub.ask = look

    with pytest.raises(Killed):
        book(practice, hub)

    assert [(what, within) for what, within, _ in seen] == [("find", False), ("book", False)]
    assert [[(state, bool(sent)) for state, sent in held] for *_, held in seen] == [
        [("asked", False)],
        [("asked", True)],
    ]
    [left] = RemoteAppointment.objects.all()
    assert left.state == "asked"


def test_who_settles_it_meanwhile_stops_what_is_not_sent_yet(practice, hub):
    """Somebody finds out while the patient is still looked for: then nothing is sent."""

    def settle(what):
        RemoteAppointment.objects.update(state="not-booked")

    hub.ask = settle

    assert book(practice, hub).state == "not-booked"
    assert hub.bookings == {}


def test_the_same_time_is_not_asked_for_twice_as_long_as_it_stands(practice, hub):
    book(practice, hub)

    with pytest.raises(ChangeRefused):
        book(practice, hub)

    RemoteAppointment.objects.update(state="cancelled")
    assert book(practice, hub).state == "booked"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"nhs_number_verification": "02"}, "not verified"),
        ({"sensitive": True}, "sensitive"),
        ({"active": False}, "not registered"),
    ],
)
def test_only_for_patients_whom_others_may_know(practice, hub, values, why):
    patient = make_patient(practice.organisation, **values)

    with pytest.raises(BookedPatientNotFound, match=why):
        book(practice, hub, patient=patient)

    assert hub.asked == []


def test_only_for_a_practice_that_others_answer(practice, hub):
    for values, why in (({"asid": ""}, "ASID"), ({"asid": ASID, "sandbox_of": "X"}, "sandbox")):
        for name, value in values.items():
            setattr(practice.organisation, name, value)
        with pytest.raises(BookedPatientNotFound, match=why):
            book(practice, hub)

    assert hub.asked == []


def test_nothing_is_sent_where_it_may_not_be(practice, hub, settings):
    hub.service.active = False
    with pytest.raises(ChangeRefused, match="not in use"):
        book(practice, hub)
    hub.service.active = True
    settings.ELSEWHERE_HOSTS = []
    with pytest.raises(ChangeRefused, match="ELSEWHERE_HOSTS"):
        book(practice, hub)
    settings.ELSEWHERE_HOSTS = ["127.0.0.1"]
    with pytest.raises(ChangeRefused, match="over"):
        book(practice, hub, now=timezone.now() + timedelta(days=9))

    assert hub.asked == []
