"""A page loads one style sheet and one script, which a browser keeps until they change."""

import re

import pytest
from django.urls import reverse

from config import static_files
from config.settings import STORAGES
from workbench.staff import signed_in


@pytest.fixture
def collected(settings, collected_once):
    """What is served in production: everything collected, once."""
    settings.STORAGES = STORAGES
    settings.STATIC_ROOT = collected_once
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    return collected_once


def loaded(page):
    """What a page names: its style sheets, and its scripts."""
    text = page.content.decode()
    return (
        re.findall(r'<link href="([^"]+)" rel="stylesheet"', text),
        re.findall(r'<script src="([^"]+)"', text),
    )


@pytest.mark.django_db
def test_a_page_loads_one_style_sheet_and_one_script_and_keeps_them(collected, practice):
    client = signed_in(practice.organisation, role="Receptionist")

    sheets, scripts = loaded(client.get(reverse("admin:practice_slot_changelist")))

    assert (len(sheets), len(scripts)) == (1, 1)
    for address in (*sheets, *scripts):
        answer = client.get(address)
        answer.close()
        assert re.search(r"\.[0-9a-f]{12}\.(css|js)$", address)
        assert "immutable" in answer["Cache-Control"]
        assert int(re.search(r"max-age=(\d+)", answer["Cache-Control"])[1]) >= 31_536_000


def test_a_bundle_has_every_part_and_finds_the_fonts(collected):
    [sheet] = collected.glob("pages.????????????.css")
    [script] = collected.glob("pages.????????????.js")
    text = sheet.read_text()

    fonts = re.findall(r'url\("([^"]+\.woff2)"\)', text)
    assert len(fonts) == 5
    assert all((collected / font).exists() for font in fonts)
    for name in (*static_files.STYLES, *static_files.SCRIPTS):
        whole = text if name.endswith(".css") else script.read_text()
        lines = (collected / name).read_text().splitlines()
        renamed = ("url(", "sourceMappingURL")
        own = {line for line in lines if not any(word in line for word in renamed)}
        assert own <= set(whole.splitlines()), name
    assert "Chart.js" not in script.read_text()


@pytest.mark.django_db
def test_only_the_page_with_charts_loads_what_draws_them(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    charts = {
        name: any("chart" in script for script in loaded(client.get(reverse(f"admin:{name}")))[1])
        for name in ("index", "diary", "worklist", "utilisation", "practice_slot_changelist")
    }

    assert [name for name, has in charts.items() if has] == ["utilisation"]
