"""Spreadsheets for tests: rows by headings, planned and imported as from a file."""

from django.utils import timezone

from practice.models import Organisation
from practice.services.audit.recording import Actor
from practice.services.sheets.columns import read_sheet
from practice.services.sheets.planning import Kind, PlannedRow
from practice.sheet_files import Row

ACTOR = Actor(door="staff", user_id="ada", name="Ada")


def planned(
    kind: type[Kind], practice: Organisation, *rows: dict[str, str], lock: bool = False
) -> tuple[Kind, list[PlannedRow]]:
    """The kind that planned them, and what it plans; an absent cell is an absent column."""
    needed = [column.heading for column in kind.columns if column.needed]
    headings = list(dict.fromkeys([*needed, *(name for row in rows for name in row)]))
    cells = [[row.get(name, "") for name in headings] for row in rows]
    lines = [Row(number, each) for number, each in enumerate([headings, *cells], start=1)]
    made = kind(practice, now=timezone.now())
    return made, made.plan(read_sheet(lines, kind.columns), lock=lock)


def imported(kind: type[Kind], practice: Organisation, *rows: dict[str, str]) -> list[PlannedRow]:
    """Import rows that are right."""
    made, found = planned(kind, practice, *rows, lock=True)
    assert [row.problems for row in found] == [[] for _ in found]
    made.apply(found, actor=ACTOR, source={"spreadsheet": 1})
    return found


def taken_out_and_back(kind: type[Kind], practice: Organisation) -> list[PlannedRow]:
    """What importing a file would do that was just taken out."""
    made = kind(practice, now=timezone.now())
    headings = [column.heading for column in kind.columns]
    lines = [Row(number, each) for number, each in enumerate([headings, *made.rows()], start=1)]
    return kind(practice, now=timezone.now()).plan(read_sheet(lines, kind.columns))
