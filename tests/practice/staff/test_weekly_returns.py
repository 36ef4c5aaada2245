"""The page of weekly returns: which were made, by roles, and their files."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from practice import clock
from practice.models import AuditEvent, WeeklyReturn
from practice.reads.weekly_return import last_whole_week
from tests.practice.admin_world import words
from workbench.factories import make_organisation
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/returns/"


@pytest.fixture
def made(practice, settings, tmp_path):
    """The return of the last week, made by the command into the folder of the web."""
    settings.RETURNS_FOLDER = str(tmp_path)
    call_command("weekly_return", "--to", str(tmp_path), verbosity=0)
    return WeeklyReturn.objects.get(organisation=practice.organisation)


def test_a_week_without_a_return_is_said(manager):
    assert "There is no return yet of the last week" in words(manager.get(PAGE))


def test_the_list_says_when_by_whom_and_which_hash(manager, made):
    page = words(manager.get(PAGE))

    assert "There is no return yet" not in page
    for said in (made.made_by_name, made.csv_sha256, f"{PAGE}{made.pk}/ndjson/"):
        assert said in page


@pytest.mark.parametrize("kind", ["csv", "ndjson", "manifest"])
def test_a_file_is_handed_out_as_it_was_made_and_recorded(manager, made, kind):
    answer = manager.get(f"{PAGE}{made.pk}/{kind}/")

    content = b"".join(answer.streaming_content)
    [file] = Path(settings.RETURNS_FOLDER).glob(f"*/*{kind}*")
    assert content == file.read_bytes()
    assert "attachment" in answer["Content-Disposition"]
    event = AuditEvent.objects.get(event="weekly_return.downloaded")
    assert event.resource == f"WeeklyReturn/{made.pk}"
    assert event.detail["file"] == kind


def test_a_file_that_was_changed_or_moved_is_not_handed_out(manager, made):
    [file] = Path(settings.RETURNS_FOLDER).glob("*/*.csv")
    file.write_text("changed")

    answer = manager.get(f"{PAGE}{made.pk}/csv/", follow=True)

    assert "is not as it was made" in words(answer)
    assert not AuditEvent.objects.filter(event="weekly_return.downloaded").exists()
    assert manager.get(f"{PAGE}{made.pk}/secrets/").status_code == 404


def test_returns_of_another_practice_are_not_there(manager, made):
    other = make_organisation()
    theirs = WeeklyReturn.objects.create(
        organisation=other, first_day=date(2026, 1, 5), rows=7654, appointments=1,
        made_at=timezone.now(), made_by_name="x",
    )  # fmt: skip

    assert "7,654" not in words(manager.get(PAGE))
    assert manager.get(f"{PAGE}{theirs.pk}/csv/").status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("Receptionist", 403),
        ("Practice manager", 200),
        ("Practice administrator", 200),
        ("Auditor", 200),
    ],
)
def test_who_may_see_them(practice, made, client, role, status):
    client.force_login(make_staff(practice.organisation, role=role))

    assert client.get(PAGE).status_code == status
    answer = client.get(f"{PAGE}{made.pk}/csv/")
    answer.close()
    assert answer.status_code == status


def test_many_returns_come_in_pages_with_as_many_queries(
    practice, manager, made, django_assert_max_num_queries
):
    manager.get(PAGE)
    with django_assert_max_num_queries(30) as few:
        manager.get(PAGE)
    monday = last_whole_week(clock.today(timezone.now()))
    WeeklyReturn.objects.bulk_create(
        WeeklyReturn(
            organisation=practice.organisation,
            first_day=monday - timedelta(weeks=n),
            rows=n,
            appointments=n,
            made_at=datetime.combine(monday, datetime.min.time(), clock.LONDON),
            made_by_name="root",
        )
        for n in range(1, 45)
    )
    with django_assert_max_num_queries(30) as many:
        page = words(manager.get(PAGE))

    assert len(many) == len(few)
    assert "Page 1 of 3" in page
    assert "Page 3 of 3" in words(manager.get(f"{PAGE}?page=3"))
