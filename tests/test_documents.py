"""The documents tell the truth: what they name, link and cite is there.

In docs/reference/, each table lists what the code has and nothing else. For every document:
linked files and headings, paths, dotted names, tests, words of make and commands exist. For the
whole repository: each requirement, decision and hazard that is cited by its id has a text in docs/.
"""

import importlib
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from fhirapi import ssp
from tests import traceability
from workbench.paths import ROOT

if not (ROOT / ".git").exists():
    pytest.skip("not a checkout: which files are the project's, git says", allow_module_level=True)


@cache
def tracked() -> frozenset[str]:
    """The files of the repository, those not yet committed too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    names = (name for name in listed.stdout.split("\0") if name)
    return frozenset(name for name in names if (ROOT / name).is_file())


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


DOCUMENTS = sorted(name for name in tracked() if name.endswith(".md"))
# The catalogue names files of the published specification, which are not ours (its README).
OURS = [name for name in DOCUMENTS if not name.startswith("docs/requirements/")]
OURS.remove("docs/decisions.md")


def code(name: str) -> list[str]:
    """What stands in code style in a document, blocks line by line."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL)
    return [*re.findall(r"`([^`\n]+)`", prose), *"\n".join(blocks).splitlines()]


def words(name: str) -> set[str]:
    """The single words of what stands in code style, without what surrounds them."""
    return {word.strip("()[],;:'\"").rstrip(".") for each in code(name) for word in each.split()}


# ---------------------------------------------------------------- the tables of reference


def rows(name: str) -> list[str]:
    """The rows of a document's tables whose first column is in code style."""
    return re.findall(r"^\| `.*$", text(f"docs/reference/{name}.md"), re.MULTILINE)


def first_column(name: str) -> set[str]:
    """What stands in code style in the first column of a document's tables."""
    return {row.split("`")[1] for row in rows(name)}


def test_configuration_lists_every_variable_and_no_other():
    readers = text("config/settings.py") + "\n" + text("gunicorn.conf.py")
    read = set(re.findall(r"""(?:environ\.get|flag|words|number)\(\s*"([A-Z_]+)\"""", readers))

    assert first_column("configuration") == read


def test_packages_lists_every_direct_dependency_and_no_other():
    dependencies = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    names = {re.split(r"[\[=<>~]", each)[0] for each in dependencies}

    assert first_column("packages") == names


def test_interactions_lists_the_table_that_requests_are_checked_against():
    listed = {
        tuple(cell.strip().strip("`") for cell in line.split("|")[1:4])
        for line in rows("interactions")
    }

    served = (*ssp.INTERACTIONS, *ssp.OF_SERVICE_FILTERING)
    assert listed == {(each.verb, each.path, each.id) for each in served}


def commands() -> set[str]:
    """The management commands of our own."""
    return {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}


def test_commands_lists_every_management_command_and_no_other():
    assert {each.split()[0] for each in first_column("commands")} == commands()


def make_words() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE))


def test_make_words_are_those_of_the_makefile():
    listed = {each.removeprefix("make ") for each in first_column("words")}

    assert listed == make_words() - {"help"}


# ---------------------------------------------------------------- every document


def anchors(name: str) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text(name), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def leads_somewhere(name: str, target: str) -> bool:
    """Whether a link of a document leads to a file of ours, and to one of its headings."""
    path, _, anchor = target.partition("#")
    file = ((ROOT / name).parent / path if path else ROOT / name).resolve()
    if not file.is_relative_to(ROOT) or not file.exists():
        return False
    return not anchor or anchor in anchors(str(file.relative_to(ROOT)))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_linked_files_and_headings_exist(name):
    targets = re.findall(r"(?:\]\(|^\[[^\]\n]+\]: )(?!https?:|mailto:)([^)\s]+)", text(name), re.M)

    assert [target for target in targets if not leads_somewhere(name, target)] == []


# Folders that are made, and are not in the repository.
MADE = ("benchmarks/results", "static", "var", ".venv")


@cache
def folders() -> frozenset[str]:
    return frozenset(str(parent) for name in tracked() for parent in Path(name).parents)


@pytest.mark.parametrize("name", OURS)
def test_named_paths_exist(name):
    """Whatever begins with a folder of ours, ``tests/x.py::test_y`` and ``demo/*.yaml`` too."""
    tops = {each.partition("/")[0] for each in tracked() if "/" in each}
    named = {word.partition("::")[0] for word in words(name)}
    paths = {
        each.rstrip("/")
        for each in named
        if each.partition("/")[0] in tops and "/" in each and re.fullmatch(r"[\w./@*-]+", each)
    }
    missing = {
        each
        for each in paths
        if each not in tracked() | folders()
        and not each.startswith(MADE)
        and not ("*" in each and any(Path(file).match(each) for file in tracked()))
    }

    assert missing == set()


PACKAGES = ("benchmarks", "config", "consumer", "demo", "fhirapi", "practice", "tests", "workbench")


def found(dotted: str) -> bool:
    """Whether a dotted name is a module, or leads to something within one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as absent:
            # A module that is there but lacks one of its own imports is not "absent".
            if not dotted.startswith(str(absent.name)):
                raise
            continue
        for part in parts[cut:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("name", OURS)
def test_named_modules_functions_and_classes_exist(name):
    dotted = {
        word
        for word in words(name)
        if re.fullmatch(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+", word)
        and word.rpartition(".")[2] not in {"py", "md", "html", "css", "js", "yaml"}
    }

    assert {each for each in dotted if not found(each)} == set()


def file_of(dotted: str) -> str:
    """The file of the module that a dotted name begins with."""
    parts = dotted.split(".")
    paths = (Path(*parts[:cut]) for cut in range(len(parts), 0, -1))
    tried = (file for path in paths for file in (path.with_suffix(".py"), path / "__init__.py"))
    return next(str(file) for file in tried if str(file) in tracked())


def test_architecture_leads_from_each_function_to_its_file():
    document = text("docs/architecture.md")
    linked = dict(re.findall(r"^\[`([\w.]+)`\]: \.\./(\S+)$", document, re.MULTILINE))
    mentioned = set(re.findall(r"\[`([\w.]+)`\](?!:)", document))

    assert mentioned == set(linked)
    assert {name: file_of(name) for name in linked} == linked


@cache
def names_of_tests() -> frozenset[str]:
    """The names of test files and of test functions."""
    files = [name for name in tracked() if re.match(r"tests/(.+/)?test_\w+\.py$", name)]
    named = [each for file in files for each in re.findall(r"def (test_\w+)", text(file))]
    return frozenset([*(Path(file).stem for file in files), *named])


@pytest.mark.parametrize("name", OURS)
def test_named_tests_exist(name):
    named = {each for word in words(name) for each in re.findall(r"^(?:\S+::)?(test_\w+)$", word)}

    assert named - names_of_tests() == set()


@pytest.mark.parametrize("name", OURS)
def test_named_words_of_make_and_commands_exist(name):
    lines = code(name)
    make = {each for line in lines for each in re.findall(r"(?:^|\s)make ([a-z]+)\b", line)}
    manage = {each for line in lines for each in re.findall(r"manage\.py ([a-z_]+)\b", line)}
    django = {"check", "createsuperuser", "changepassword", "makemigrations", "migrate"}
    django |= {"collectstatic", "runserver", "shell", "test"}

    assert make - make_words() == set()
    assert manage - commands() - django == set()


# ---------------------------------------------------------------- what is cited by an id


class Citation(NamedTuple):
    file: str
    id: str


# What looks like an id and is none.
NO_IDS = {"ACC-08", "EHCH-04", "SHA-256", "UTF-16"}
SOURCES = (".py", ".md", ".html", ".js", ".css", ".yaml", ".yml", ".toml", ".sql", ".template")


def cited(pattern: str) -> set[Citation]:
    """Every mention of an id in code, tests and documents, with its file."""
    return {
        Citation(name, identifier)
        for name in tracked()
        if name.endswith(SOURCES)
        for identifier in re.findall(pattern, text(name))
    }


def test_every_cited_requirement_and_decision_has_a_text():
    known = set(traceability.catalogue().texts) | NO_IDS
    mentions = cited(r"\b[A-Z]{2,6}-\d{2,4}\b")

    assert {each for each in mentions if each.id not in known} == set()
    assert {each.id for each in mentions} >= {"SLOT-006", "DEC-009", "STAFF-001"}


def test_every_cited_hazard_stands_in_the_hazard_log():
    hazards = set(re.findall(r"^## (H\d\d) ", text("docs/clinical-safety.md"), re.MULTILINE))
    mentions = cited(r"\bH\d\d\b")

    assert {each for each in mentions if each.id not in hazards} == set()
    assert hazards


def test_files_named_in_comments_exist():
    """Also in docstrings, templates and configuration: moves leave such mentions behind."""
    tops = "|".join({re.escape(each.partition("/")[0]) for each in tracked() if "/" in each})
    path = re.compile(rf"(?<![\w./-])(?:{tops})/[\w./-]+\.(?:py|md|html|css|js|yaml|sql)\b")
    mentions = {
        Citation(name, each)
        for name in tracked() - {"tests/test_documents.py"}
        if name.endswith(SOURCES) and not name.startswith("docs/requirements/")
        for each in path.findall(text(name))
    }
    # Templates and static files are also named as Django finds them, below these folders.
    roots = ("", "templates/", "practice/static/")

    assert {
        each for each in mentions if not any(root + each.id in tracked() for root in roots)
    } == set()


def test_no_comment_points_outside_the_repository():
    """Notes that a reader of a clone does not have."""
    notes = re.compile(r"\b(?:TRIAL|DESIGN|STYLE)\.md\b|shared/(?:TRIAL|DESIGN|STYLE|mockups)")
    here = "tests/test_documents.py"

    assert [
        name
        for name in sorted(tracked() - {here})
        if name.endswith(SOURCES) and notes.search(text(name))
    ] == []
