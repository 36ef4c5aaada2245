"""What the parts measured, kept together: ``benchmarks/results/latest.json``, and what was wanted.

A part is a module whose ``main`` measures and returns a dict of figures. It is run on its own, as
``python -m benchmarks.<part> --json FILE``, and leaves the dict in that file.
"""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results"
LATEST = FOLDER / "latest.json"
PACKAGES = ("django", "djangorestframework", "psycopg", "orjson", "fhir.resources", "gunicorn")

Figures = dict[str, Any]


# ---------------------------------------------------------------- a part


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line of a part, to which it may add what is its own."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", type=Path, metavar="FILE", help="leave the figures there too")
    return made


def leave(figures: Figures, file: Path | None) -> Figures:
    """Write a part's figures where it was told to, and return them."""
    if file is not None:
        file.write_text(json.dumps(figures))
    return figures


# ---------------------------------------------------------------- what was wanted


@dataclass(frozen=True)
class Wanted:
    """An acceptance figure: where it stands among the figures, and within which bound."""

    what: str
    part: str
    database: str
    path: tuple[str, ...]
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def measured(self, parts: Mapping[str, Any]) -> float | None:
        """The figure of the last run, or nothing."""
        found: Any = parts.get(self.part, {}).get(self.database, {}).get("figures", {})
        for key in self.path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def holds(self, measured: float) -> bool:
        return (self.at_most is None or measured <= self.at_most) and (
            self.at_least is None or measured >= self.at_least
        )

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:,g} {self.unit}"
        return f">= {self.at_least:,g} {self.unit}"


def _wanted(what: str, place: str, unit: str, **bound: float) -> Wanted:
    """``place``: the part, then where in its figures on PostgreSQL, with slashes between."""
    part, *path = place.split("/")
    return Wanted(what, part, "postgresql", tuple(path), unit, **bound)


PROCESSES = {"one": "1 process", "two": "2 processes"}  # that serve whole searches
ACCEPTANCE = (
    _wanted("search, 1,000 slots, JSON", "search/1000/ours, JSON/ratio", "x", at_most=0.8),
    _wanted("search, 1,000 slots, XML", "search/1000/ours, XML/ratio", "x", at_most=2.5),
    *(
        _wanted(
            f"whole search, {processes}, {what}",
            f"requests/{setting}/alternatives/{alternative}/ours_is_faster",
            "x",
            at_least=least,
        )
        for what, alternative, least in (
            ("PostgreSQL's JSON", "PostgreSQL json_build_object", 2),
            ("PostgreSQL's as XML", "PostgreSQL json_build_object, XML", 1.3),
            ("a DRF serializer", "DRF serializer", 4),
        )
        for setting, processes in PROCESSES.items()
    ),
    _wanted("whole search, p99 at half saturation", "requests/two/half/p99_ms", "ms", at_most=100),
    _wanted("search, 1,000 practices", "growth/search/1000/ratio", "x", at_most=1.2),
    _wanted("booking, 1,000 practices", "growth/booking/1000/ratio", "x", at_most=1.2),
    _wanted("booking, p99 at 100 a second", "booking/open/p99_ms", "ms", at_most=100),
    _wanted("booking, saturation", "booking/saturation/per_second", "a second", at_least=250),
    _wanted("booking, of the bare transaction's", "booking/saturation/of_bare", "x", at_least=0.5),
    _wanted("one slot, 50 rivals, slowest answer", "booking/hot/slowest_ms", "ms", at_most=1000),
    _wanted("generation of a year", "generation/year/slots_per_second", "slots/s", at_least=20_000),
    _wanted("generation, an unchanged year", "generation/unchanged year/seconds", "s", at_most=5),
    _wanted("generation, more memory for a year", "generation/growth_megabytes", "MB", at_most=50),
    _wanted("1,000 practices are watched", "watch/first/seconds", "s", at_most=30),
    _wanted("slowest staff page", "pages/slowest_ms", "ms", at_most=200),
    *(
        _wanted(
            f"{kind}: processor, to the older tree's",
            f"against/requests/{kind}/processor/ratio",
            "x",
            at_most=most,
        )
        for kind, most in (
            ("read", 0.45),
            ("book", 0.6),
            ("amend", 0.65),
            ("cancel", 0.65),
            ("search of 300, JSON", 0.7),
            ("refusal, expired token", 0.5),
        )
    ),
    *(
        _wanted(
            f"{kind}: throughput, to the older tree's",
            f"against/requests/{kind}/throughput/ratio",
            "x",
            at_least=least,
        )
        for kind, least in (("read", 2.5), ("book", 1.8))
    ),
    _wanted(
        "read: slowest of 24 trials, of the median",
        "against/requests/read/new/slowest_of_median",
        "x",
        at_least=0.85,
    ),
    *(
        _wanted(f"4 connections, {name}: {what}", f"workers/{name}/4/{figure}", "x", **bound)
        for name in ("directly, as make serve", "nginx, a socket for each")
        for what, figure, bound in (
            ("busier", "busier_at_worst", {"at_most": 0.65}),
            ("slowest", "slowest_of_median", {"at_least": 0.85}),
        )
    ),
)


def verdicts(parts: Mapping[str, Any]) -> list[str]:
    """Lines that say of every acceptance figure what was wanted, what was measured, if it holds."""
    lines = [f"{'':<48}{'wanted':>18}{'measured':>12}  holds"]
    for wanted in ACCEPTANCE:
        measured = wanted.measured(parts)
        if measured is None:
            told, holds = "-", "not measured"
        else:
            told, holds = f"{measured:,.4g}", "yes" if wanted.holds(measured) else "NO"
        lines.append(f"{wanted.what:<48}{wanted.bound:>18}{told:>12}  {holds}")
    return lines


# ---------------------------------------------------------------- all parts


def machine() -> Figures:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gigabytes": round(memory / 2**30, 1),
        "system": platform.platform(),
    }


def versions() -> Figures:
    """What ran: Python, the packages that count, and the commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }


def latest() -> Figures:
    """What is kept of earlier runs, by part and database."""
    if not LATEST.exists():
        return {}
    parts: Figures = json.loads(LATEST.read_text())["parts"]
    return parts


def keep(parts: Figures) -> None:
    """Write the file anew; parts that were not run again keep their figures and their date."""
    FOLDER.mkdir(exist_ok=True)
    kept = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "parts": parts,
    }
    LATEST.write_text(json.dumps(kept, indent=1) + "\n")


def measured_now(figures: Figures, load: float, server: str) -> Figures:
    """The figures of a part with what a reader needs to judge them: date, load before, database."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(load, 1),
        "server": server,
        "figures": figures,
    }


def shown(file: Path) -> str:
    """A file's path as the reader of the terminal knows it."""
    return str(file.relative_to(ROOT))
