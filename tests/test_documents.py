"""The documents tell the truth: what they name, link and cite is there.

In docs/reference/, each table lists what the code has and nothing else. For every document:
linked files and headings, paths, dotted names, tests, words of make and commands exist. For the
whole repository: each requirement, decision and hazard that is cited by its id has a text in docs/.
"""

import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser
from django.test import override_settings
from django.urls import Resolver404, resolve

from fhirapi import ssp
from practice.site.help import TOPICS
from tests import traceability
from workbench import site
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


SOURCES = (".py", ".md", ".html", ".js", ".css", ".yaml", ".yml", ".toml", ".sql", ".template")
DOCUMENTS = sorted(name for name in tracked() if name.endswith(".md"))
# The catalogue names files of the published specification, which are not ours (its README).
OURS = [name for name in DOCUMENTS if not name.startswith("docs/requirements/")]
OURS.remove("docs/decisions.md")


def code(name: str) -> list[str]:
    """What stands in code style in a document, blocks line by line."""
    blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text(name), re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```", "", text(name), flags=re.MULTILINE | re.DOTALL)
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


def settings_read() -> set[str]:
    """The variables that the settings and the web server read from the environment."""
    readers = text("config/settings.py") + "\n" + text("gunicorn.conf.py")
    return set(re.findall(r"""(?:environ\.get|flag|words|number)\(\s*"([A-Z_]+)\"""", readers))


def test_configuration_lists_every_variable_and_no_other():
    assert first_column("configuration") == settings_read()


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
    named = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
    return named | set(re.findall(r'<a id="([^"]+)"></a>', text(name)))


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


def options(command: str) -> set[str]:
    """The options that a command of ours has beside those that every command has."""
    ours = load_command_class(get_commands()[command], command)
    everybodys = BaseCommand().create_parser("manage.py", "")
    return option_strings(ours.create_parser("manage.py", command)) - option_strings(everybodys)


def option_strings(parser: CommandParser) -> set[str]:
    return {each for action in parser._actions for each in action.option_strings if "--" in each}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_option_of_a_command_is_in_its_row(command):
    (row,) = (row for row in rows("commands") if row.split("`")[1].split()[0] == command)

    assert options(command) - set(re.findall(r"--[a-z][a-z-]*", row)) == set()


@pytest.mark.parametrize("name", OURS)
def test_named_options_of_commands_exist(name):
    known, everybodys = commands(), option_strings(BaseCommand().create_parser("manage.py", ""))
    wrong = set()
    for line in code(name):
        command = next((word for word in line.split() if word in known), None)
        if command:
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", line.split(command, 1)[1]))
            wrong |= {(command, each) for each in named - options(command) - everybodys}

    assert wrong == set()


@cache
def capitals() -> frozenset[str]:
    """The names in capitals that stand anywhere in the repository but in documents."""
    kinds = (*SOURCES, ".sh", ".conf", ".ini", ".service", "Makefile")
    files = (name for name in tracked() if name.endswith(kinds) and not name.endswith(".md"))
    return frozenset(each for name in files for each in re.findall(r"[A-Z][A-Z0-9_]+", text(name)))


@pytest.mark.parametrize("name", OURS)
def test_named_settings_and_variables_exist(name):
    """Whatever is written as an environment variable is, in code style: in capitals, with a _."""
    named = {
        each
        for word in words(name)
        for each in re.findall(r"^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=|$)", word)
    }

    assert named - capitals() == set()


# ---------------------------------------------------------------- the site, the guides, the README

PAGES = {topic.title: topic for topic in TOPICS}
GUIDES = [name for name in DOCUMENTS if name.startswith("docs/guides/")]


def test_the_reference_of_pages_is_what_their_help_says():
    assert text(site.PAGES) == site.staff_pages(), "run `make docs`"


@pytest.mark.parametrize("name", GUIDES)
def test_pages_named_in_guides_have_that_name_and_are_in_the_menu_or_the_help(name):
    """*[Title](../reference/pages.md#title)* leads to its words; *Title* alone is one in short."""
    for title, anchor in re.findall(
        r"\[([^\]]+)\]\(\.\./reference/pages\.md#([^)]+)\)", text(name)
    ):
        assert title in PAGES | {title.lower(): None for title in PAGES}
        assert anchor == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_page_that_has_words_of_help_is_named_in_a_guide():
    named = {
        title.lower()
        for name in GUIDES
        for title in re.findall(r"\[([^\]]+)\]\(\.\./reference/pages\.md#", text(name))
    }

    assert {title for title in PAGES if title.lower() not in named} == set()


@pytest.mark.parametrize("name", OURS)
def test_named_addresses_exist(name):
    """Of our own pages, with ``...`` for what differs."""
    written = [word.strip("()[],;:'\"") for line in code(name) for word in line.split()]
    named = {
        word.partition("?")[0].removeprefix("http://127.0.0.1:8000")
        for word in written
        if re.match(r"(?:http://127\.0\.0\.1:8000)?/(?:admin|developer|health|metrics)\b", word)
    }
    own = {each for each in named if "..." not in each and re.fullmatch(r"[\w/.<>:-]+", each)}

    with override_settings(ROOT_URLCONF="config.urls"):
        assert {each for each in own if not has_page(each)} == set()


def has_page(address: str) -> bool:
    try:
        return resolve(address).func.__name__ != "catch_all_view"  # of the admin site
    except Resolver404:
        return False


def test_the_site_lists_every_document_once():
    listed = [
        page
        for part in yaml.safe_load(text("docs/mkdocs.yml"))["nav"]
        for pages in part.values()
        for page in pages
    ]

    assert sorted(listed) == sorted(map(str, site.documents()))


def test_the_site_has_what_its_documents_link_to(tmp_path):
    site.lay_out(ROOT, tmp_path)
    lost = {
        (str(file.relative_to(tmp_path)), target)
        for file in tmp_path.rglob("*.md")
        for target in re.findall(
            r"(?:\]\(|^\[[^\]\n]+\]: )(?!https?:|mailto:|#)([^)#\s]+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        if not (file.parent / target).exists()
    }

    assert lost == set()


@pytest.fixture(scope="module")
def pages_made(tmp_path_factory):
    """The site as MkDocs makes it, strictly: a link or an anchor that leads nowhere fails."""
    tmp_path = tmp_path_factory.mktemp("site")
    site.lay_out(ROOT, tmp_path / "docs")
    configuration = text("docs/mkdocs.yml").replace("../var/", "")
    (tmp_path / "mkdocs.yml").write_text(configuration, encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", tmp_path / "mkdocs.yml"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return tmp_path / "site"


@pytest.mark.once
def test_lists_blocks_and_tables_of_the_site_are_read_as_such(pages_made):
    """MkDocs wants four spaces within a list, and an empty line before it; code hosts do not."""
    unread = re.compile(r"^\s*(?:[-*]|\d\.) |^\s*\||```", re.MULTILINE)
    paragraphs = {
        (file.name, re.sub(r"<[^>]+>", "", paragraph)[:80])
        for file in pages_made.rglob("*.html")
        if "requirements" not in file.parts
        for paragraph in re.findall(r"<p>(.*?)</p>", file.read_text("utf-8"), re.DOTALL)
        if unread.search(re.sub(r"<[^>]+>", "", paragraph))
    }

    assert paragraphs == set()


@pytest.mark.once
def test_no_page_of_the_site_asks_another_server_for_anything(pages_made):
    fetched = re.compile(
        r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//[^"'\s>]+"""
        r"""|<link[^>]+rel=["']?(?!canonical)[^>]*href=["']?(?:https?:)?//[^"'\s>]+"""
    )
    pages = list(pages_made.rglob("*.html"))
    assert [each for page in pages for each in fetched.findall(page.read_text("utf-8"))] == []
    assert not any('class="mermaid"' in page.read_text("utf-8") for page in pages)  # asks a CDN
    styles = [file.read_text("utf-8") for file in pages_made.rglob("*.css")]
    assert not any(re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", each) for each in styles)
    assert len(pages) > len(site.documents())


PICTURES = sorted(name for name in tracked() if re.match(r"docs/pictures/.+\.(?:png|svg)$", name))


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_is_shown_with_words_for_who_does_not_see_it(picture):
    shown = [
        words_instead
        for name in DOCUMENTS
        for words_instead, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text(name))
        if ((ROOT / name).parent / target).resolve() == ROOT / picture
    ]

    assert shown, "no document shows it"
    assert all(len(each.split()) > 4 for each in shown)


def test_the_readme_is_a_front_page():
    assert len(text("README.md").splitlines()) < 150


# What nobody knows who has not met GP Connect. Each is explained where a page uses it first: there
# it leads to the glossary, or is in **bold** or *italics* with its meaning in that sentence.
TERMS = (
    *("GP Connect", "FHIR", "STU3", "ODS", "ASID", "SDS", "PDS", "DoS", "Spine", "SSP", "JWT"),
    *("token", "interaction", "slot", "Schedule", "Bundle", "searchset", "OperationOutcome"),
    *("NHS number", "NHS 111", "111", "embargo", "access profile", "capability statement"),
    *("consumer", "provider", "resource", "service root", "sandbox", "rehearsal", "orphan"),
    *("session holder", "worklist", "template", "bookability", "DCB0129", "DTAC", "SCAL"),
)
PAGES_FOR_STRANGERS = ["README.md", *GUIDES]


def used_before_explained(page: str) -> list[str]:
    """The terms that a page uses before it says what they are, or where that stands."""
    # Addresses of links are not read; what stands in links to the glossary is explained there.
    told = re.sub(r"\[([^\]]+)\]\([^)]*glossary\.md#[^)]*\)", r"**\1**", page)
    told = re.sub(r"\]\([^)]*\)", "]", told)
    unexplained = []
    for term in TERMS:
        used = re.search(rf"(?<![\w/.]){re.escape(term)}(?:s|es)?(?![\w/])", told, re.IGNORECASE)
        if used:
            before, after = told[: used.start()], told[used.end() :]
            marked = re.search(r"\*[^*\n]*$", before) and re.match(r"[^*\n]*\*", after)
            if not marked:
                unexplained.append(term)
    return unexplained


@pytest.mark.parametrize("name", PAGES_FOR_STRANGERS)
def test_no_term_is_used_before_it_is_explained(name):
    assert used_before_explained(text(name)) == []


# ---------------------------------------------------------------- what is cited by an id


class Citation(NamedTuple):
    file: str
    id: str


# What looks like an id and is none.
NO_IDS = {"ACC-08", "EHCH-04", "SHA-256", "UTF-16"}


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
