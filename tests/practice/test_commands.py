"""What operators type: arguments in, counts and exit codes out."""

import json
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import clock
from practice.management.commands import generate_slots
from practice.models import AuditEvent, GenerationRun, Organisation, Schedule, Slot
from workbench.factories import make_closure, make_organisation, make_template, tomorrow

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """Call generate_slots; what it wrote to stdout."""
    output = StringIO()
    call_command("generate_slots", *arguments, stdout=output)
    return output.getvalue()


def refusal(command: str, *arguments: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        call_command(command, *arguments, stdout=StringIO())
    return refused.value


# ---------------------------------------------------------------- generate_slots


def test_eight_weeks_from_today_are_generated_for_all_practices():
    practices = [make_organisation(), make_organisation()]
    for practice in practices:
        make_template(practice, weekdays=list(range(7)), runs_on_bank_holidays=True)

    output = run()

    today = clock.today(timezone.now())
    dates = Schedule.objects.order_by("date").values_list("date", flat=True)
    assert (dates.first(), dates.last()) == (tomorrow(), today + timedelta(days=55))
    assert {run.organisation for run in GenerationRun.objects.all()} == set(practices)
    assert output.count(": done") == 2
    assert "990  slots created" in output


@pytest.mark.parametrize("arguments", [("--weeks", "1"), ("--to", None)], ids=["weeks", "to"])
def test_the_dates_are_the_operators_choice(practice, arguments):
    first = tomorrow() + timedelta(days=7)
    option, value = arguments
    make_template(weekdays=list(range(7)), runs_on_bank_holidays=True)

    run("--from", first.isoformat(), option, value or (first + timedelta(days=6)).isoformat())

    assert Schedule.objects.count() == 7
    assert Schedule.objects.earliest("date").date == first


def test_one_practice_is_chosen_by_its_ods_code():
    chosen, other = make_organisation(ods_code="A00001"), make_organisation()
    for practice in (chosen, other):
        make_template(practice)

    run("--practice", "a00001", "--weeks", "2")

    assert {schedule.organisation for schedule in Schedule.objects.all()} == {chosen}


def test_a_dry_run_writes_nothing_and_says_the_same(practice):
    make_template(weekdays=list(range(7)))
    make_closure(start_time="09:00", end_time="09:30", name="Fire drill")

    planned = run("--dry-run", "--weeks", "2")

    assert not Schedule.objects.exists()
    assert not GenerationRun.objects.exists()
    done = run("--weeks", "2")
    assert planned.splitlines()[2:] == done.splitlines()[2:]
    assert "3 of 18 slots are closed: Fire drill." in done


def test_json_is_one_object_with_numbers_and_reasons(practice):
    make_template(weekdays=list(range(7)), runs_on_bank_holidays=True)
    make_closure(name="Away day")

    answer = json.loads(run("--json", "--weeks", "1"))

    (done,) = answer["practices"]
    assert answer["dry_run"] is False
    assert done["practice"] == practice.organisation.ods_code
    assert (done["status"], done["slots_created"]) == ("done", Slot.objects.count())
    (skipped,) = done["skipped"]
    assert skipped["date"] == tomorrow().isoformat()
    assert skipped["reason"] == "All slots are closed: Away day."


def test_no_practice_is_nothing_to_do():
    assert "There is no practice yet" in run()
    assert json.loads(run("--json"))["practices"] == []


def test_the_run_is_audited_with_the_operator(practice):
    run("--weeks", "1")

    event = AuditEvent.objects.get(event="diary.generate")
    assert (event.door, event.device) == ("command", "manage.py generate_slots")
    assert event.user_name


def test_one_practice_that_fails_does_not_stop_the_others(monkeypatch, caplog):
    first, second = make_organisation(ods_code="A1"), make_organisation(ods_code="A2")
    generate = generate_slots.generate

    def fail_for_the_first(*, organisation, **options):
        if organisation == first:
            raise RuntimeError("the disk is full")
        return generate(organisation=organisation, **options)

    monkeypatch.setattr(generate_slots, "generate", fail_for_the_first)
    output = StringIO()

    with pytest.raises(CommandError, match="Failed: A1.") as failure:
        call_command("generate_slots", "--json", stdout=output)

    assert failure.value.returncode == 1
    failed, done = json.loads(output.getvalue())["practices"]
    assert failed == {"practice": "A1", "status": "failed", "error": "the disk is full"}
    assert (done["practice"], done["status"]) == ("A2", "done")
    assert GenerationRun.objects.get().organisation == second


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--practice", "NIX"], "no practice with the ODS code NIX"),
        (["--from", "2027-02-30"], "'2027-02-30' is not a date such as"),
        (["--from", "soon"], "'soon' is not a date such as"),
        (["--from", "2027-02-02", "--to", "2027-02-01"], "lies before the first"),
        (["--from", "2027-02-02", "--to", "2032-02-01"], "At most three years"),
        (["--weeks", "0"], "'0' is not a number from 1 to"),
        (["--weeks", "many"], "'many' is not a number"),
        (["--weeks", "2", "--to", "2027-02-01"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_are_refused_in_words(arguments, words):
    refused = refusal("generate_slots", *arguments)

    assert words in str(refused)
    # Wrong words on a command line end with 2 by themselves: argparse sees to that.
    assert refused.returncode in (1, 2)
    assert not GenerationRun.objects.exists()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "arguments", "shown"),
    [(Terminal, [], True), (StringIO, [], False), (Terminal, ["--json"], False)],
    ids=["a terminal", "a file", "JSON"],
)
def test_progress_is_shown_on_a_terminal_only(practice, monkeypatch, stream, arguments, shown):
    errors = stream()
    monkeypatch.setattr(sys, "stderr", errors)

    run("--weeks", "2", *arguments)

    assert ("day" in errors.getvalue()) is shown


# ---------------------------------------------------------------- load_practice


FILE = "practice: {ods_code: A00001, name: Specimen Surgery}\n"


def test_practices_are_loaded_and_counted(tmp_path):
    (tmp_path / "one.yaml").write_text(FILE)
    (tmp_path / "other.yaml").write_text(FILE.replace("A00001", "B00002"))
    output = StringIO()

    call_command(
        "load_practice", str(tmp_path / "one.yaml"), str(tmp_path / "other.yaml"), stdout=output
    )

    assert Organisation.objects.count() == 2
    assert output.getvalue().splitlines()[:3] == [
        "Specimen Surgery (A00001)",
        "  made: 1 × practice",
        "  changed: nothing",
    ]
    assert AuditEvent.objects.filter(event="practice.load", door="command").count() == 2


def test_a_bad_file_loads_nothing_and_says_where(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(FILE + "locations:\n  - nam: Main\n")

    refused = refusal("load_practice", str(bad))

    assert refused.returncode == 1
    assert f"{bad}, line 3: there is no field nam" in str(refused)
    assert f"{bad}, line 3: name is missing." in str(refused)
    assert str(refused).endswith("Nothing was loaded.")
    assert not Organisation.objects.exists()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["not there", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_said(tmp_path, content):
    path = tmp_path / "file.yaml"
    if content:
        path.write_bytes(content)

    refused = refusal("load_practice", str(path))

    assert refused.returncode == 2
    assert "Cannot read a file" in str(refused)


@pytest.mark.parametrize("command", ["generate_slots", "load_practice"])
def test_help_names_the_exit_codes(command, capsys):
    with pytest.raises(SystemExit):
        call_command(command, "--help")

    assert "Exit codes: 0 " in capsys.readouterr().out
