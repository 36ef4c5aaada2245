"""Evidence on demand: ``python -m tests.evidence``, which is ``make evidence``.

Runs the tests that name a requirement, keeping what they exchange with GP Connect, in JSON and then
in XML; asks about known weaknesses; and writes ``var/evidence``. Exit code 1, and nothing written,
when something cited is missing, failed or is older than the code: everything at once is named.
``--draft`` writes all the same, with the gaps at the top of the first page, and ends with 0.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import traceability
from workbench import results
from workbench.paths import ROOT

EXCHANGES = ROOT / "var" / "exchanges"
FOLDER = ROOT / "var" / "evidence"
# What the exchanges are for: the API. Races, and what is long, show nothing more there.
CHOSEN = (
    "req and not ("
    + " or ".join(("once", "race", "postgresql", "chaos", "pages", "clients", "installs"))
    + ")"
)
LEFT_OUT = ("tests/browser", "tests/test_clinical_safety.py", "tests/chaos", "tests/deploy")


def exchange(form: str, workers: str, folder: Path = EXCHANGES) -> None:
    """Run the marked tests, and keep what they exchange in this format."""
    print(f"== What the tests of requirements exchange, in {form.upper()}", flush=True)
    asked = {"RESULT": f"marked-{form}", "EXCHANGES": str(folder), "EXCHANGES_FORMAT": form}
    command = [sys.executable, "-m", "pytest", "-m", CHOSEN, "-n", workers, "--dist", "worksteal"]
    quiet = [
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-r",
        "N",
        "--tb=no",
    ]
    left_out = [f"--ignore={path}" for path in LEFT_OUT]
    subprocess.run([*command, *quiet, *left_out, "tests"], cwd=ROOT, env=os.environ | asked)
    if form == "xml":
        print("(A test that is about JSON alone fails in XML. Its XML is left out, nothing else.)")


def prepare(workers: str) -> None:
    """Have exchanges and advisories of this tree: anew, unless the last ones are."""
    runs = ("marked-json", "marked-xml")
    if not EXCHANGES.is_dir() or any(results.outdated(run, results.read(run)) for run in runs):
        shutil.rmtree(EXCHANGES, ignore_errors=True)
        for form in ("json", "xml"):
            exchange(form, workers)
    print("== Known weaknesses", flush=True)
    subprocess.run([sys.executable, "-m", "tests.advisories"], cwd=ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--draft", action="store_true", help="write it with its gaps")
    parser.add_argument("--no-run", action="store_true", help="with what was exchanged last time")
    parser.add_argument("--workers", default="2", help="for the tests")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    if not given.no_run:
        prepare(given.workers)
    from tests.evidence import facts, pages  # after the tests: these need Django, set up as there

    print("== Writing", flush=True)
    known = facts.Facts(traceability.collect("-m", ""), EXCHANGES)
    new = given.folder.with_name(f"{given.folder.name}.new")
    pages.write(known, new)
    for gap in known.gaps:
        print(f"GAP: {gap}")
    if known.gaps and not given.draft:
        shutil.rmtree(new)
        print(f"{len(known.gaps)} gaps: nothing written. DRAFT=1 writes it with them.")
        return 1
    shutil.rmtree(given.folder, ignore_errors=True)
    new.rename(given.folder)
    print(f"{given.folder}/index.html, {len(known.gaps)} gaps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
