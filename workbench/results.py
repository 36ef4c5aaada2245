"""What the long words found when they last ran: small JSON files in ``var/results``.

``make test``, ``make chaos``, ``make fuzz``, ``make load`` and others leave one each, with the
revision that they tried and whether the working tree was that revision and nothing else. ``make
evidence`` shows them, ``make release`` asks for them; docs/guides/evidence.md says how old they
may be.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from workbench.paths import ROOT

FOLDER = ROOT / "var" / "results"

PRODUCT = ("config", "consumer", "demo", "fhirapi", "practice", "requirements.txt", "templates")
SERVED = (*PRODUCT, "deploy", "gunicorn.conf.py", "workbench")
EVERYTHING = (".",)
# What each word tries, and with what: its result holds until one of these changes.
TRIES: dict[str, tuple[str, ...]] = {
    "test-sqlite": EVERYTHING,
    "test-postgresql": EVERYTHING,
    "marked-json": EVERYTHING,
    "marked-xml": EVERYTHING,
    "advisories": ("requirements.txt", "requirements-dev.txt"),
    "chaos": (*SERVED, "tests/chaos", "tests/test_interruptions.py"),
    "interruptions": (*SERVED, "tests/chaos", "tests/test_interruptions.py"),
    "fuzz": (*SERVED, "tests/fuzzing.py", "tests/fhirapi", "tests/test_unread_requests.py"),
    "described": (*SERVED, "tests/fhirapi"),
    "load": (*SERVED, "benchmarks"),
    "pages": (*PRODUCT, "tests/browser"),
    "clients": (*SERVED, "tests/consumer"),
    "installs": (*SERVED, "tests/deploy"),
}


def git(*words: str, root: Path = ROOT) -> str:
    """What git says; raises CalledProcessError where it cannot."""
    said = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return said.stdout.strip()


@dataclass(frozen=True)
class State:
    """What the working tree is: a revision, and nothing else if it is clean."""

    revision: str
    clean: bool

    @classmethod
    def now(cls, root: Path = ROOT) -> "State":
        try:
            revision = git("rev-parse", "HEAD", root=root)
            return cls(revision, not git("status", "--porcelain", root=root))
        except (subprocess.CalledProcessError, FileNotFoundError):
            return cls("", False)  # not a checkout


@dataclass(frozen=True)
class Begun:
    """A run that has begun: ``leave`` writes what became of it."""

    name: str
    state: State
    at: datetime

    def leave(
        self, *, passed: bool, folder: Path | None = None, root: Path = ROOT, **figures: Any
    ) -> Path:
        """Write the result. A tree that changed meanwhile is nobody's."""
        left = State.now(root)
        told = {
            "name": self.name,
            "revision": self.state.revision,
            "clean": self.state.clean and left == self.state,
            "date": self.at.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.at).total_seconds(), 1),
            "passed": passed,
            **figures,
        }
        file = (folder or FOLDER) / f"{self.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        return file


def begin(name: str) -> Begun:
    """A run begins now, on what the working tree is now."""
    if name not in TRIES:
        raise ValueError(f"{name} is not in workbench.results.TRIES: what does it try?")
    return Begun(name, State.now(), datetime.now(UTC))


class _Both(io.TextIOBase):
    """Prints, and keeps what it printed."""

    def __init__(self, screen: TextIO) -> None:
        self.screen, self.kept = screen, io.StringIO()

    def write(self, words: str) -> int:
        self.kept.write(words)
        return self.screen.write(words)

    def flush(self) -> None:
        self.screen.flush()


@contextmanager
def printed() -> Iterator[list[str]]:
    """What is printed meanwhile, as lines, once it is over."""
    both, lines = _Both(sys.stdout), list[str]()
    with redirect_stdout(both):
        yield lines
    lines.extend(both.kept.getvalue().splitlines())


def read(name: str, folder: Path | None = None) -> dict[str, Any] | None:
    """The last result of that name, or None."""
    file = (folder or FOLDER) / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def changed_since(revision: str, paths: Sequence[str], root: Path = ROOT) -> list[str] | None:
    """The files below these paths that differ from an ancestor; None if it is no ancestor."""
    try:
        git("merge-base", "--is-ancestor", revision, "HEAD", root=root)
    except subprocess.CalledProcessError:
        return None
    # Against the working tree, so that what is not committed counts too.
    listed = git("diff", "--name-only", revision, "--", *paths, root=root)
    fresh = git("ls-files", "--others", "--exclude-standard", "--", *paths, root=root)
    return sorted({*listed.split("\n"), *fresh.split("\n")} - {""})


def outdated(name: str, result: dict[str, Any] | None, root: Path = ROOT) -> str:
    """Why this result is not one of the code as it is; empty if it is, passed or not."""
    if result is None:
        return f"{name}: no result"
    short = result["revision"][:10]
    if not result["clean"]:
        return f"{name}: of a working tree that was no revision (at {short})"
    changed = changed_since(result["revision"], TRIES[name], root)
    if changed is None:
        return f"{name}: of {short}, which is no ancestor of this revision"
    if changed:
        others = f" and {len(changed) - 1} more" if changed[1:] else ""
        return f"{name}: of {short}; changed since: {changed[0]}{others}"
    return ""


def fault(name: str, result: dict[str, Any] | None, root: Path = ROOT) -> str:
    """Why this result may not be shown as that of the code as it is; empty if it may."""
    why = outdated(name, result, root)
    if why or result is None or result["passed"]:
        return why
    return f"{name}: failed at {result['revision'][:10]}"
