"""The style sheets: each thing is said once, and nothing is said that no page uses."""

import re
from functools import cache
from pathlib import Path

import pytest
import unfold
from django.conf import settings
from django.contrib.staticfiles import finders

ROOT: Path = settings.BASE_DIR
FOLDER = ROOT / "practice/static/practice"
SHEETS = sorted(FOLDER.glob("*.css"))
# Put together by a template from what it shows; by Django, from the name of a list's column.
COMPOSED = (
    r"build-(day|tall)-\w+|build-(open|embargo|break)|heat-\d|field-\w+|"
    r"(h|m|x|y|lane|of|from|to)\d+|own-(arrived|in|seen|dna|from-reception)"
)


def rules(sheet: Path) -> str:
    """Return what a sheet says, without its comments."""
    return re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)


@cache
def sources() -> str:
    """Return whatever could name a class or a sheet: templates, Python and scripts, ours first."""
    theirs = Path(unfold.__file__).parent
    files = [
        *(ROOT / "templates").rglob("*.html"),
        *(ROOT / "practice").rglob("*.py"),
        *(ROOT / "config").rglob("*.py"),
        *FOLDER.glob("*.js"),
        *(theirs / "templates").rglob("*.html"),
        *theirs.glob("*.py"),
        *(theirs / "static").rglob("styles.css"),
    ]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_sheet_is_loaded_and_every_sheet_loaded_exists():
    named = set(re.findall(r"practice/[\w-]+\.css", sources()))

    assert {f"practice/{sheet.name}" for sheet in SHEETS} == {
        name for name in named if finders.find(name)
    }
    assert [name for name in named if not finders.find(name)] == []


def test_every_property_that_is_used_has_a_value():
    """A misspelt one would take its rule with it, and nobody would be told."""
    ours = "\n".join(rules(sheet) for sheet in SHEETS)
    theirs = Path(finders.find("unfold/css/styles.css")).read_text(encoding="utf-8")

    defined = set(re.findall(r"(--[\w-]+)\s*:", ours + theirs))

    assert set(re.findall(r"var\((--[\w-]+)", ours)) - defined == set()


def test_every_property_of_the_theme_is_used():
    theme = rules(FOLDER / "theme.css")
    ours = "\n".join(rules(sheet) for sheet in SHEETS)

    unused = {name for name in re.findall(r"(--[\w-]+)\s*:", theme) if f"var({name})" not in ours}

    assert unused == set()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_the_scheme_is_chosen_in_the_theme_only(sheet):
    """Colours that differ between light and dark stand side by side, in light-dark()."""
    own = [each for each in re.findall(r"\.dark\b[^{]*", rules(sheet)) if ".text-link" not in each]

    assert own == ([".dark "] if sheet.name == "theme.css" else [])


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_spaces_and_type_sizes_are_those_of_the_theme(sheet):
    """What is as large as one of the theme's is written with its name."""
    theme = rules(FOLDER / "theme.css")
    spaces = set(re.findall(r"--space-\w+: ([\d.]+rem)", theme))
    types = set(re.findall(r"--text-\w+: ([\d.]+rem)", theme))
    said = re.findall(r"^\s+([a-z-]+): ([^;{}]+);", rules(sheet), flags=re.MULTILINE)

    literal = [
        f"{name}: {value}"
        for name, value in said
        if name.startswith(("gap", "margin", "padding", "font-size"))
        and (types if name == "font-size" else spaces) & set(re.findall(r"[\d.]+rem", value))
    ]

    assert literal == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_class_is_on_some_page(sheet):
    selectors = " ".join(re.findall(r"([^{};]+)\{", rules(sheet)))
    classes = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    words = set(re.findall(r"[\w-]+", sources()))

    assert {name for name in classes - words if not re.fullmatch(COMPOSED, name)} == set()
