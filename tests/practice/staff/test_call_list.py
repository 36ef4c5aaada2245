"""The list of people to be told: worked through, and as fast for many as for few."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from practice.models import Appointment, AuditEvent, Closure, ContactAttempt
from practice.reads.patients import TO_BE_TRACED
from tests.practice.staff.closing_page import close, text
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def test_the_call_list_is_worked_through(practice, client, manager, sick):
    gp, *_ = sick
    close(client, gp)
    closure = Closure.objects.get(kind="sick")
    calls = reverse("admin:practice_closure_change", args=[closure.pk])
    first = Appointment.objects.filter(affected_by=closure).first()

    client.post(
        reverse("admin:contacted", args=[first.pk]),
        {"reached": "no", "note": "No answer", "back": calls},
    )
    client.post(reverse("admin:contacted", args=[first.pk]), {"reached": "yes", "back": calls})

    first.refresh_from_db()
    assert not first.to_be_told
    assert [a.reached for a in ContactAttempt.objects.order_by("pk")] == [False, True]
    page = text(client.get(calls))
    assert "1 of 2 still to be told" in page
    assert User.objects.get().get_username() in page
    assert AuditEvent.objects.filter(event="appointment.patient_contacted").count() == 2


@pytest.mark.parametrize("page", ["worklist", "calls"])
def test_a_list_of_people_makes_as_many_queries_for_12_as_for_3(
    practice, client, manager, django_assert_max_num_queries, page
):
    closure = Closure.objects.create(
        organisation=practice.organisation,
        kind="sick",
        start_date=tomorrow(),
        end_date=tomorrow(),
    )
    address = (
        reverse("admin:practice_closure_change", args=[closure.pk])
        if page == "calls"
        else "/admin/worklist/"
    )

    def queries(count: int) -> int:
        for slot in make_slots(count):
            waiting = make_appointment(slots=[slot], patient=make_patient())
            Appointment.objects.filter(pk=waiting.pk).update(
                to_be_told=True, orphaned=True, affected_by=closure
            )
            waiting.contact_attempts.create(
                at=timezone.now(), by=User.objects.get(), by_name="Mo", note=""
            )
        with django_assert_max_num_queries(60) as made:
            client.get(address)
        return len(made.captured_queries)

    assert queries(3) == queries(9)


def test_an_open_worklist_is_told_of_people_only_when_they_changed(practice, client, manager, sick):
    gp, *_ = sick
    close(client, gp)
    parts = client.get("/admin/worklist/").context["parts"]
    have = {part.name: part.digest for part in parts}
    written = AuditEvent.objects.count()

    def ask():
        return client.get("/admin/changes/worklist/", {"have": json.dumps(have)}).json()["parts"]

    assert ask() == {}
    assert AuditEvent.objects.count() == written

    first = Appointment.objects.filter(to_be_told=True).first()
    client.post(
        reverse("admin:contacted", args=[first.pk]), {"reached": "no", "note": "Nobody there"}
    )

    assert "Nobody there" in ask()["worklist-people"]
    assert AuditEvent.objects.latest("pk").event == "call_list.viewed"


@pytest.mark.parametrize("have", ["", "3", "{"])
def test_a_page_that_says_nothing_sensible_is_sent_everything(client, manager, have):
    answer = client.get("/admin/changes/worklist/", {"have": have}).json()

    assert set(answer["parts"]) == {"worklist-messages", "worklist-people", "worklist-rest"}


def test_told_is_taken_back_and_what_was_noted_stays(practice, client, manager, sick):
    gp, *_ = sick
    close(client, gp)
    closure = Closure.objects.get(kind="sick")
    calls = reverse("admin:practice_closure_change", args=[closure.pk])
    first = Appointment.objects.filter(affected_by=closure).first()
    contacted = reverse("admin:contacted", args=[first.pk])

    client.post(contacted, {"reached": "undo", "back": calls})
    assert not ContactAttempt.objects.exists()  # nobody had been told
    client.post(contacted, {"reached": "yes", "back": calls})
    assert "Not told after all" in text(client.get(calls))
    client.post(contacted, {"reached": "undo", "back": calls})

    first.refresh_from_db()
    assert first.to_be_told
    assert [a.reached for a in ContactAttempt.objects.order_by("pk")] == [True, False]
    assert "2 of 2 still to be told" in text(client.get(calls))
    assert AuditEvent.objects.filter(event="appointment.told_taken_back").count() == 1


def test_the_worklist_leads_to_whoever_waits_for_an_nhs_number(practice, client, manager):
    waits = {"nhs_number": None, "nhs_number_verification": TO_BE_TRACED}
    make_patient(practice.organisation, family_name="Waiting", **waits)
    make_patient(practice.organisation, family_name="Gone", active=False, **waits)
    make_patient(make_organisation(), family_name="Elsewhere", **waits)

    page = text(client.get(reverse("admin:worklist")))
    found = re.search(r'href="([^"]+nhs_number_verification[^"]+)"', page)
    assert found

    assert "NHS numbers to be traced (1)" in page
    listed = text(client.get(found[1].replace("&amp;", "&")))
    assert "WAITING" in listed
    assert "ELSEWHERE" not in listed
