"""Making a weekly return: whole or not at all, the same bytes for the same data."""

import csv
import hashlib
import io
import json
import os
import stat
from datetime import UTC, date, datetime, timedelta

import pytest

from practice.exceptions import ReturnRefused
from practice.models import Appointment, AuditEvent, SlotType, WeeklyReturn
from practice.services import weekly_return
from practice.services.audit.recording import Actor
from practice.services.folders import own_folder
from practice.services.slot_types import CountsAs, map_slot_types
from practice.services.weekly_return import cell, make_return
from workbench.factories import make_appointment, make_schedule, make_slot_type, make_slots

pytestmark = pytest.mark.django_db

# The weeks in which the clocks change, and a Monday long after.
WEEKS = [date(2026, 10, 19), date(2027, 3, 22)]
LATER = datetime(2027, 4, 5, 1, tzinfo=UTC)
OPERATOR = Actor(door="command", name="root")


@pytest.fixture(params=WEEKS, ids=str)
def week(practice, request):
    """Five slots on the Sunday of a clock change, one booked, one booked and cancelled."""
    sunday = request.param + timedelta(days=6)
    start = datetime(sunday.year, sunday.month, sunday.day, 0, 20, tzinfo=UTC)
    make_slot_type(practice.organisation, "=Routine")
    slots = make_slots(5, make_schedule(start=start), slot_type="=Routine", minutes=30)
    before = start - timedelta(days=3)
    make_appointment(slots[:2], now=before)
    cancelled = make_appointment(slots[2:3], now=before)
    Appointment.objects.filter(pk=cancelled.pk).update(status="cancelled")
    cancelled.appointment_slots.update(released=True)
    slots[2].status = "free"
    slots[2].save()
    return request.param


def made(practice, week, folder, now=LATER, actor=OPERATOR):
    return make_return(
        organisation=practice.organisation, day=week, folder=folder, actor=actor, now=now
    )


def contents(folder):
    return {
        path.suffix: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"
    }


def test_a_return_has_its_rows_its_manifest_and_its_record(practice, week, tmp_path):
    found = made(practice, week + timedelta(days=3), tmp_path)

    code = practice.organisation.ods_code
    assert [each.name for each in tmp_path.iterdir()] == [f"{code}-{week}"]
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert (manifest["first_day"], manifest["made_by"], manifest["rows"]) == (str(week), "root", 5)
    assert (manifest["appointments"], manifest["unbooked_slots"]) == (2, 3)
    assert manifest["lists_used"] == [manifest["lists_in_force"]]
    for file in manifest["files"]:
        content = (found.folder / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["bytes"]
        assert stat.S_IMODE((found.folder / file["name"]).stat().st_mode) == 0o600
    lines = (found.folder / f"{code}-{week}.ndjson").read_text().splitlines()
    table = list(csv.DictReader(io.StringIO((found.folder / f"{code}-{week}.csv").read_text())))
    assert len(lines) == len(table) == 5
    for line, row in zip(map(json.loads, lines), table, strict=True):
        assert {name: str(cell("" if v is None else v)) for name, v in line.items()} == row
    assert counts_of(table, "status") == {"booked": 1, "cancelled": 1, "free": 3}
    assert {row["slot_type"] for row in table} == {"'=Routine"}
    record = WeeklyReturn.objects.get()
    assert (record.first_day, record.number, record.rows) == (week, 1, 5)
    assert record.csv_sha256 == manifest["files"][0]["sha256"]
    event = AuditEvent.objects.get(event="weekly_return.made")
    assert event.organisation == practice.organisation
    assert event.detail["as_before"] is False


def counts_of(rows, name):
    counts = {}
    for row in rows:
        counts[row[name]] = counts.get(row[name], 0) + 1
    return counts


def test_another_mapping_leaves_a_past_return_the_same_byte_for_byte(practice, week, tmp_path):
    first = made(practice, week, tmp_path / "one")
    then = datetime.combine(week + timedelta(days=9), datetime.min.time(), UTC)
    map_slot_types(
        organisation=practice.organisation,
        wanted={SlotType.objects.get().pk: CountsAs("General Consultation Acute", "Other")},
        first_day=then.date(),
        actor=Actor(door="staff"),
        now=then,
    )

    again = made(
        practice,
        week,
        tmp_path / "two",
        now=LATER + timedelta(days=40),
        actor=Actor(door="command", name="somebody else"),
    )

    assert contents(again.folder) == contents(first.folder)
    assert b"General Consultation Routine" in contents(again.folder)[".csv"]
    assert not again.is_new
    assert WeeklyReturn.objects.count() == 1


def test_what_was_made_stays_and_other_data_make_a_correction(practice, week, tmp_path):
    first = made(practice, week, tmp_path)
    before = contents(first.folder)
    Appointment.objects.filter(status="booked").update(status="fulfilled")

    second, third = made(practice, week, tmp_path), made(practice, week, tmp_path)

    assert contents(first.folder) == before
    assert second.folder.name == f"{first.folder.name}-2"
    assert contents(second.folder) != before
    assert (third.folder, third.is_new) == (second.folder, False)
    assert list(WeeklyReturn.objects.values_list("number", flat=True)) == [2, 1]


@pytest.mark.parametrize("step", ["rows_of_week", "_write_manifest", "record_done"])
def test_there_is_no_folder_and_no_record_unless_all_went_well(
    practice, week, tmp_path, monkeypatch, step
):
    def fails(*args, **kwargs):
        if step == "rows_of_week":
            return broken()
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    def broken():
        yield from list(original(organisation=practice.organisation, first_day=week))[:2]
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    original = getattr(weekly_return, step)
    monkeypatch.setattr(weekly_return, step, fails)
    with pytest.raises(ReturnRefused, match="No space left"):
        made(practice, week, tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert not WeeklyReturn.objects.exists()
    assert not AuditEvent.objects.filter(event="weekly_return.made").exists()

    monkeypatch.undo()
    aside = tmp_path / f".{practice.organisation.ods_code}.partial"
    aside.mkdir()  # as a killed run leaves it
    (aside / "half").write_text("x")
    assert made(practice, week, tmp_path).record.rows == 5
    assert not aside.exists()


def test_a_folder_of_its_name_that_holds_something_else_is_left_alone(practice, week, tmp_path):
    first = made(practice, week, tmp_path)
    file = next(each for each in first.folder.iterdir() if each.suffix == ".csv")
    file.write_text("changed")

    with pytest.raises(ReturnRefused, match="does not hold this return"):
        made(practice, week, tmp_path)

    assert file.read_text() == "changed"


def test_a_week_that_is_not_over_is_refused(practice, tmp_path):
    sunday = datetime(2026, 10, 25, 23, 59, 59, tzinfo=UTC)  # the clocks went back that day

    with pytest.raises(ReturnRefused, match="from 2026-10-26 on"):
        made(practice, date(2026, 10, 19), tmp_path, now=sunday)

    assert made(practice, date(2026, 10, 19), tmp_path, now=sunday + timedelta(seconds=1)).is_new


def test_a_week_whose_unused_slots_were_archived_is_refused(practice, tmp_path):
    practice.organisation.diary_complete_from = date(2026, 10, 20)

    with pytest.raises(ReturnRefused, match="archived"):
        made(practice, date(2026, 10, 19), tmp_path)

    assert made(practice, date(2026, 10, 26), tmp_path).is_new


def test_two_runs_do_not_write_into_one_folder(practice, tmp_path):
    with (
        own_folder(tmp_path, ReturnRefused),
        pytest.raises(ReturnRefused, match="another run"),
    ):
        made(practice, WEEKS[0], tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(practice, tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(ReturnRefused, match="Permission denied"):
        made(practice, WEEKS[0], tmp_path)


def test_a_file_in_the_place_of_the_folder_is_named(practice, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ReturnRefused, match="File exists"):
        made(practice, WEEKS[0], tmp_path / "file")
