"""What is to be imported: records with the values of their columns, and what they refer to by name.

Nothing is known here of the files' format. Values are as a dump writes them (dumps.kinds), so that
the same rules hold for both.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from practice.services.dumps.kinds import Entry

# In the order in which they are stored: each refers to those before it.
KINDS = (
    *("Organization", "Location", "Practitioner", "PractitionerRole"),
    *("Patient", "Schedule", "Slot", "Appointment"),
)
MOST_PROBLEMS = 500  # that a report tells one by one


class Reference(NamedTuple):
    """What a record refers to: of which kind, if that is said, by which names, as people see it."""

    kind: str
    keys: tuple[str, ...]
    shown: str


@dataclass(slots=True)
class Incoming:
    """A record as a file has it.

    ``keys`` are what it goes by, ``values`` the columns, ``refers`` what it refers to by column.
    ``id`` and ``version`` are those that the file gives it. ``said`` is what must not change under
    the same name, ``start`` and ``end`` the times in seconds since 1970, where it has any.
    ``problems`` are what the file has wrong, ``notes`` what was understood in a way of our own.
    """

    kind: str
    keys: list[str]
    values: Entry = field(default_factory=dict)
    refers: dict[str, list[Reference]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    id: int | None = None
    version: int = 1
    start: int | None = None
    end: int | None = None
    counts: bool = True  # a slot beside which no other may be
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: str = ""  # why it is not for this practice, if it is not

    @property
    def shown(self) -> str:
        """What people call it."""
        return f"{self.kind}/{self.id}" if self.id else self.kind


class Place(NamedTuple):
    """Where something stands: a file, and the entry in it."""

    file: str
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.file}, {self.entry}" if self.entry else self.file


class Wrong(NamedTuple):
    """Something that keeps the files from being imported."""

    place: Place
    what: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.what}: {self.reason}"
            if self.what
            else (f"{self.place}: {self.reason}")
        )


@dataclass
class Report:
    """What was read, made and left, and what is wrong."""

    practice: str
    dry_run: bool = False
    files: int = 0
    bytes: int = 0
    made: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)  # what was here already
    left: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    others: Counter[str] = field(default_factory=Counter)  # types that a practice does not take
    notes: Counter[str] = field(default_factory=Counter)  # what was understood in a way of our own
    problems: list[Wrong] = field(default_factory=list)
    more_problems: int = 0

    def problem(self, place: Place, what: str, reason: str) -> None:
        """Note something wrong; of very many only how many there are."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Wrong(place, what, reason))
        else:
            self.more_problems += 1

    @property
    def is_refused(self) -> bool:
        """Whether nothing may be imported."""
        return bool(self.problems)

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "practice": self.practice,
            "imported": not (self.dry_run or self.is_refused),
            "dry_run": self.dry_run,
            "files": self.files,
            "bytes": self.bytes,
            "made": dict(self.made),
            "here": dict(self.here),
            "left": {kind: dict(reasons) for kind, reasons in self.left.items()},
            "others": dict(self.others),
            "notes": dict(self.notes),
            "problems": [
                {
                    "file": each.place.file,
                    "entry": each.place.entry,
                    "what": each.what,
                    "reason": each.reason,
                }
                for each in self.problems
            ],
            "more_problems": self.more_problems,
        }

    def lines(self) -> list[str]:
        """The report for people."""
        said = [f"{self.practice}: {self.files:,} files read, {self.bytes / 1_000_000:,.1f} MB"]
        for kind in KINDS:
            parts = [f"{self.made[kind]:,} new"] if self.made[kind] else []
            parts += [f"{self.here[kind]:,} here already"] if self.here[kind] else []
            parts += [f"{sum(self.left[kind].values()):,} left"] if self.left.get(kind) else []
            if parts:
                said.append(f"  {kind}: {', '.join(parts)}")
            reasons = self.left.get(kind, Counter())
            said += [f"    left: {number:,} {why}" for why, number in reasons.most_common()]
        said += [f"  Note: {number:,} × {note}" for note, number in self.notes.most_common()]
        if self.others:
            counted = [f"{number:,} {name}" for name, number in self.others.most_common()]
            said.append(f"  Not for an appointment book, and left: {', '.join(counted)}")
        said += [str(each) for each in self.problems]
        if self.more_problems:
            said.append(f"And {self.more_problems:,} more that is wrong.")
        return said
