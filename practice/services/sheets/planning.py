"""What an import would do, row by row, and the kinds of records that come as spreadsheets."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from practice.models import Organisation
from practice.services.audit.recording import Actor
from practice.services.sheets.columns import Change, Column, SheetRow, Values


@dataclass
class PlannedRow:
    """What importing a row does to whom: nothing, where ``problems`` says what is wrong with it.

    ``record`` and ``parts`` are for the kind that made it. ``patient_id`` is whom it shows.
    """

    number: int
    who: str
    is_new: bool
    record: Any = None
    patient_id: int | None = None
    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    parts: list[Any] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.problems:
            return "wrong"
        if self.is_new:
            return "new"
        return "changed" if self.changes else "same"

    @property
    def as_seen(self) -> tuple[object, ...]:
        """What must be so still when it is carried out."""
        changes = [(each.heading, each.before, each.after) for each in self.changes]
        return self.number, self.verdict, self.record and self.record.pk, changes, self.problems


class Kind(ABC):
    """A kind of records: its columns, how rows find theirs, how they are stored and taken out.

    One is made for a file, or for the rows of it that are imported in one transaction; what it has
    seen of them it remembers, so that nobody is in a file twice.
    """

    columns: ClassVar[tuple[Column, ...]]
    most_rows: ClassVar[int] = 250  # that are imported in one transaction

    def __init__(self, organisation: Organisation, *, now: datetime) -> None:
        self.organisation, self.now = organisation, now
        self.seen: dict[object, int] = {}
        self.by_field = {column.field: column for column in self.columns}

    @abstractmethod
    def plan(self, rows: Sequence[SheetRow], *, lock: bool = False) -> list[PlannedRow]:
        """What these rows would do; ``lock``: and nobody else changes their records meanwhile.

        As many queries for many rows as for one.
        """

    @abstractmethod
    def apply(self, planned: Sequence[PlannedRow], *, actor: Actor, source: Values) -> None:
        """Do it, in the caller's transaction; ``source`` goes into the detail of each event."""

    @abstractmethod
    def rows(self) -> Iterator[list[str]]:
        """The practice's records as rows of these columns."""

    def twice(self, key: object, number: int) -> list[str]:
        """Say so where an earlier row was about the same."""
        first = self.seen.setdefault(key, number)
        return [] if first == number else [f"Row {first} is about the same."]

    def row_of(self, values: Values) -> list[str]:
        """A row of the file, of the values by field."""
        return [column.text(values.get(column.field)) for column in self.columns]


def differing(planned: Iterable[PlannedRow]) -> list[PlannedRow]:
    """Those that there is something to do for."""
    return [row for row in planned if row.verdict in {"new", "changed"}]
