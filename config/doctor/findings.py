"""What a check says: that something is wrong, or that it could not look."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, in the words of whoever runs the installation.

    ``id`` names the kind of it, for machines; ``where``: in what it was seen; ``command``: what can
    be pasted, where there is one.
    """

    id: str
    what: str
    where: str
    remedy: str
    command: str = ""


@dataclass(frozen=True)
class NotLooked:
    """A question that could not be asked here, and why not."""

    question: str
    why: str


def some_of(names: Sequence[str], most: int) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass(frozen=True)
class Installation:
    """Where an installation keeps what is not in its settings, and who may be told of it."""

    configuration: Path = Path("/etc/appointments")
    nginx: Path = Path("/etc/nginx")
    units: tuple[Path, ...] = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
    # What is there where systemd runs the machine.
    systemd: Path = Path("/run/systemd/system")
    user: str = "appointments"


@dataclass
class Report:
    """What all checks said, and what was asked."""

    asked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    not_looked: list[NotLooked] = field(default_factory=list)


Answers = Iterator[Finding | NotLooked]
Check = Callable[[Installation, datetime], Answers]
