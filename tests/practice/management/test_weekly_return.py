"""manage.py weekly_return: which practices and week, what it says, how it ends."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import clock
from practice.models import WeeklyReturn
from practice.reads.weekly_return import last_whole_week, monday_of
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db


def run(*arguments, **options) -> str:
    said = StringIO()
    call_command("weekly_return", *arguments, stdout=said, **options)
    return said.getvalue()


def test_without_a_week_it_is_the_last_one_that_is_over_of_every_practice(practice, tmp_path):
    other = make_organisation()

    said = json.loads(run("--to", str(tmp_path), "--json"))

    monday = last_whole_week(clock.today(timezone.now()))
    assert said["week"] == str(monday)
    assert {each["practice"] for each in said["practices"]} == {
        practice.organisation.ods_code,
        other.ods_code,
    }
    assert {each["status"] for each in said["practices"]} == {"made"}
    assert "as it was made before" in run("--to", str(tmp_path))


def test_on_mondays_what_is_missing_is_made_and_on_other_days_nothing(
    practice, tmp_path, monkeypatch
):
    made = []
    for day in range(8, 24):
        now = datetime(2027, 3, day, 0, 15, tzinfo=UTC)
        monkeypatch.setattr("django.utils.timezone.now", lambda now=now: now)
        if run("--missing", "--to", str(tmp_path)):
            made.append(now.strftime("%a %d"))

    assert made == ["Mon 08", "Mon 15", "Mon 22"]
    assert WeeklyReturn.objects.count() == 3


def test_a_dry_run_writes_nothing(practice, tmp_path):
    said = run("--dry-run", "--to", str(tmp_path / "none"))

    assert "0 rows" in said
    assert not (tmp_path / "none").exists()
    assert not WeeklyReturn.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--practice", "X99999"], "no practice with the ODS code X99999", 2),
        (["--week", "last"], "'last' is not a date such as 2026-11-16", 1),
        (["--week", "2026-02-30"], "'2026-02-30' is not a date", 1),
    ],
)
def test_wrong_arguments_are_named(practice, tmp_path, arguments, words, code):
    with pytest.raises(CommandError, match=words) as refused:
        run(*arguments, "--to", str(tmp_path))

    assert refused.value.returncode == code


def test_a_week_that_is_not_over_and_a_folder_that_is_none_are_said_for_each(practice, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (["--week", str(monday_of(clock.today(timezone.now())))], "is not over"),
        (["--week", str(clock.today(timezone.now()) + timedelta(days=90))], "is not over"),
        (["--to", str(tmp_path / "file")], "File exists"),
    ):
        said = StringIO()
        with pytest.raises(CommandError, match=practice.organisation.ods_code) as refused:
            call_command("weekly_return", "--to", str(tmp_path), *arguments, stdout=said)
        assert refused.value.returncode == 1
        assert words in said.getvalue()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
