"""The folder that ``make evidence`` writes: plain pages, without scripts, linked relatively."""

import hashlib
import json
import re
import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import markdown
import orjson
from django.template import Context, Engine
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from lxml import etree

from tests.evidence import facts
from tests.evidence.facts import Facts, Test
from workbench import packages, release, sbom
from workbench.paths import ROOT

LINK = re.compile(r'(?:href|src)="([^"]+)"')
# Documents that stand in the evidence as pages of their own, in this order.
DOCUMENTS = (
    ("safety/plan", "Clinical safety plan (DCB0129)", "docs/safety/plan.md"),
    ("safety/case-report", "Clinical safety case report (DCB0129)", "docs/safety/case-report.md"),
    ("safety/practice", "For a practice (DCB0160)", "docs/safety/practice.md"),
    ("safety/dtac", "Index for the DTAC", "docs/safety/dtac.md"),
    ("safety/scal", "Index for the SCAL", "docs/safety/scal.md"),
    ("security", "Security", "docs/security.md"),
    ("load-model", "Load model", "docs/load-model.md"),
    ("releases", "Releases", "docs/releases.md"),
)
RUNS_SAID = {
    "test-sqlite": "All tests on SQLite (make test)",
    "test-postgresql": "All tests on PostgreSQL, under row-level security (make test)",
    "marked-json": "Tests of requirements, for their exchanges (make evidence)",
    "chaos": "Databases and processes broken for real (make chaos)",
    "interruptions": "Changes of many statements, interrupted before each (make chaos)",
    "fuzz": "Spoilt requests (make fuzz)",
    "described": "Requests made of the OpenAPI description (make fuzz)",
    "load": "The whole stack under load (make load)",
    "pages": "Every page at three sizes, light and dark, accessible (make pages)",
    "clients": "FHIR libraries of Node and Java against a live server (make clients)",
    "installs": "Installed in a bare Debian 12, upgraded, removed; the image (make installs)",
    "advisories": "Known weaknesses of what is installed (make check)",
}


@cache
def engine() -> Engine:
    return Engine(
        dirs=[str(Path(__file__).with_name("templates"))], builtins=["tests.evidence.tags"]
    )


class Folder:
    """The folder while it is written."""

    def __init__(self, facts: Facts, folder: Path) -> None:
        self.facts, self.folder = facts, folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def write(self, page: str, template: str, title: str, **context: Any) -> None:
        """A page, told how far it is from the top of the folder."""
        told = {"facts": self.facts, "top": "../" * page.count("/"), "title": title}
        body = engine().get_template(template).render(Context({**told, "page": page, **context}))
        file = self.folder / page
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, encoding="utf-8")

    def copy(self, source: Path, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def write(known: Facts, folder: Path) -> None:
    """Write everything, the first page last, since it says what the others lacked."""
    made = Folder(known, folder)
    shutil.copyfile(Path(__file__).with_name("evidence.css"), folder / "evidence.css")
    write_pictures(made)
    write_requirements(made)
    write_exchanges(made)
    made.write("hazards.html", "hazards.html", "Hazard log", introduction=introduction())
    write_results(made)
    write_packages(made)
    documents = write_documents(made)
    made.write(
        "index.html",
        "index.html",
        "Evidence",
        documents=documents,
        strengths=strengths(known),
        version=packages.VERSION,
    )
    write_manifest(made)


def strengths(known: Facts) -> list[tuple[str, Counter[str]]]:
    """How the requirements of the catalogue stand, by strength."""
    catalogue = [each for each in known.requirements if each.group not in {"SF", "STAFF"}]
    return [
        (strength, Counter(each.state for each in catalogue if each.strength == strength))
        for strength in ("SHALL", "SHOULD", "MAY")
    ]


# ---------------------------------------------------------------- requirements and exchanges


def page_of(test: str) -> str:
    """The page of a test's exchanges."""
    file, _, name = test.partition("::")
    stem = slugify(f"{Path(file).stem} {name}".replace("_", " "))[:80]
    return f"exchanges/{stem}-{hashlib.sha256(test.encode()).hexdigest()[:6]}.html"


def write_pictures(made: Folder) -> None:
    for identifiers in facts.pictured().values():
        for picture in identifiers:
            if (facts.PICTURES / picture).is_file():
                made.copy(facts.PICTURES / picture, f"pictures/{picture}")


def write_requirements(made: Folder) -> None:
    for group in made.facts.groups:
        made.write(
            f"requirements/{group.name}.html",
            "requirements.html",
            f"{group.name}: {group.title}",
            group=group,
        )


def write_exchanges(made: Folder) -> None:
    held: dict[str, list[str]] = {}
    for each in made.facts.requirements:
        for test in each.tests:
            held.setdefault(test.name, []).append(each.id)
    for name, cases in made.facts.exchanges.items():
        made.write(
            page_of(name),
            "exchanges.html",
            made.facts.runs.test(name).words,
            test=made.facts.runs.test(name),
            cases=cases,
            held=held.get(name, []),
        )


def pretty(body: str) -> str:
    """A body in lines, as it is where it is not JSON or XML, or was cut."""
    try:
        if body.startswith("{"):
            return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
        if body.startswith("<"):
            tree = etree.fromstring(body.encode())
            etree.indent(tree)
            return etree.tostring(tree, encoding="unicode")
    except (orjson.JSONDecodeError, etree.XMLSyntaxError):
        pass
    return body


# ---------------------------------------------------------------- results


def introduction() -> SafeString:
    log = facts.HAZARD_LOG.read_text(encoding="utf-8")
    return as_html(log.partition("\n| | hazard")[0].partition("\n")[2])


def write_results(made: Folder) -> None:
    runs = made.facts.runs
    told = [(name, RUNS_SAID[name], runs.results[name], runs.faults[name]) for name in RUNS_SAID]
    made.write(
        "results.html",
        "results.html",
        "Results",
        told=told,
        races=of_file(made.facts, facts.RACES),
        mutants=of_file(made.facts, facts.MUTANTS),
    )


def of_file(known: Facts, file: str) -> list[Test]:
    """The tests of a file that have a result."""
    names = {
        name
        for result in known.runs.results.values()
        for name in (result or {}).get("tests", {})
        if name.startswith(f"{file}::")
    }
    return [known.runs.test(name) for name in sorted(names)]


def write_packages(made: Folder) -> None:
    """What is installed, with licences and bills of materials."""
    pins: dict[str, tuple[packages.Pin, str, packages.Licence | None]] = {}
    for file, who in ((packages.PRODUCT, "product"), (packages.DEVELOPERS, "developers")):
        for name, pin in packages.pins(file).items():
            pins.setdefault(name, (pin, who, packages.licence(pin)))
        bill = made.folder / "sbom" / f"{Path(file).stem}.cdx.json"
        bill.parent.mkdir(exist_ok=True)
        bill.write_text(sbom.bill(file), encoding="utf-8")
    made.write(
        "packages.html",
        "packages.html",
        "Packages, licences, advisories",
        pins=[pins[name] for name in sorted(pins)],
        bundled=packages.BUNDLED,
        advisories=made.facts.runs.results["advisories"],
        fault=made.facts.runs.faults["advisories"],
        bills=sorted(path.name for path in (made.folder / "sbom").iterdir()),
    )


# ---------------------------------------------------------------- documents


def as_html(words: str) -> SafeString:
    """A document of ours as HTML: nobody else has written in it."""
    made = markdown.markdown(words, extensions=["tables", "fenced_code", "sane_lists"])
    return mark_safe(made)  # noqa: S308 # nosec B308 B703


def write_documents(made: Folder) -> list[tuple[str, str]]:
    """The documents as pages; links to what is not in this folder become words."""
    there = {source: page for page, _, source in DOCUMENTS}
    written = []
    for page, title, source in DOCUMENTS:
        if not (ROOT / source).is_file():
            made.facts.missing.append(f"{source} is missing")
            continue

        def relinked(found: re.Match[str], source: str = source, page: str = page) -> str:
            words, target = found[1], found[2].partition("#")[0]
            if re.match(r"https?:", target):
                return found[0]
            path = str(((ROOT / source).parent / target).resolve().relative_to(ROOT))
            top = "../" * page.count("/")
            if path == "docs/clinical-safety.md":
                return f"[{words}]({top}hazards.html)"
            return f"[{words}]({top}{there[path]}.html)" if path in there else words

        words = (ROOT / source).read_text(encoding="utf-8")
        linked = re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", relinked, words)
        body = as_html(linked.partition("\n")[2])
        made.write(f"{page}.html", "document.html", title, body=body, source=source)
        written.append((f"{page}.html", title))
    return written


def write_manifest(made: Folder) -> None:
    """Versions, and the SHA-256 of every file of the folder."""
    runs = made.facts.runs
    told = {
        "software": packages.OURSELVES,
        "version": packages.VERSION,
        "revision": made.facts.state.revision,
        "clean": made.facts.state.clean,
        "written": made.facts.at.isoformat(timespec="seconds"),
        "gaps": made.facts.gaps,
        "results": {
            name: {
                "revision": result["revision"],
                "date": result["date"],
                "fault": runs.faults[name],
            }
            for name, result in runs.results.items()
            if result
        },
        "packages": {name: pin.version for name, pin in packages.pins(packages.PRODUCT).items()},
        "sha256": release.hashes(made.folder),
    }
    (made.folder / "manifest.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    release.write_hashes(made.folder)
