"""What waits for a person, and how much diary is left: counted once, said alike everywhere."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from config import metrics
from practice import clock
from workbench.factories import make_schedule, make_slot, tomorrow
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db


def check_diary() -> str:
    written = StringIO()
    call_command("check_diary", stdout=written)
    return written.getvalue()


def test_the_days_left_are_the_same_wherever_they_are_said(practice, client):
    """To the last slot: a session whose slots were all withdrawn is no diary."""
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    make_slot()
    make_slot(make_schedule(date=tomorrow() + timedelta(days=9)), withdrawn=True)
    code = practice.organisation.ods_code

    exposed = metrics.exposition().decode()
    said = {
        "worklist": client.get("/admin/worklist/").context["days_left"],
        "front page": client.get("/admin/").context["to_do"].days_left,
        "health": client.get("/health/ready").json()["checks"]["diary"]["fewest_days_left"],
        "metrics": float(
            re.findall(rf'gpconnect_diary_days_left{{practice="{code}"}} (\S+)', exposed)[0]
        ),
        "check_diary": int(re.findall(r"(\d+) days left", check_diary())[0]),
    }

    assert said == dict.fromkeys(said, 1)


def test_a_practice_that_never_had_a_diary_has_no_day_left(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))

    assert client.get("/admin/worklist/").context["days_left"] == 0


@pytest.mark.parametrize(
    "session", [{"withdrawn": True}, {"date": clock.today(timezone.now()) - timedelta(days=7)}]
)
def test_sessions_that_are_over_or_do_not_take_place_are_not_remarked_on(practice, client, session):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    make_slot(make_schedule(practitioner_role="", **session))

    assert client.get("/admin/worklist/").context["never_offered"] == []


def test_a_session_that_can_never_be_offered_is_listed_with_its_reasons(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    limits = {"embargo_minutes": 60, "minimum_notice_minutes": 90}
    slot = make_slot(make_schedule(practitioner_role=""), **limits)

    response = client.get("/admin/worklist/")

    [listed] = response.context["never_offered"]
    assert listed.schedule == slot.schedule
    page = response.content.decode()
    assert "The session has no role; The minimum notice is longer than the embargo" in page
