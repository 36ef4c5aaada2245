"""Draw the pictures of the documents: `make pictures`.

Only what has changed since it was drawn is drawn anew, or all of it with ALL=1.
"""

import io
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.pictures import record
from tests.pictures.shown import MANAGER, PICTURES, Picture
from tests.pictures.world import HOST, NOW, World, make_world

pytestmark = [pytest.mark.pictures, pytest.mark.django_db(transaction=True)]

COLOURS = 255
# A picture is of one moment: nothing moves, blinks or can be scrolled.
STYLES = """*, *::before, *::after { animation: none !important; transition: none !important;
  caret-color: transparent !important; scrollbar-width: none !important; }
::-webkit-scrollbar { display: none !important; }"""
# Not as an element, which the page's Content-Security-Policy keeps out.
STILL = f"""() => {{ const sheet = new CSSStyleSheet(); sheet.replaceSync(`{STYLES}`);
  document.adoptedStyleSheets.push(sheet); document.activeElement.blur(); }}"""
MARGIN = 16


@pytest.fixture
def practice() -> None:
    """Not the small one of other tests: the demo's has its code."""


@pytest.fixture
def world(staff_roles, monkeypatch) -> World:
    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    return make_world(set_clock)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """One that writes dates as people in Britain do, wherever it runs."""
    languages = Path("/usr/lib/chromium/locales/en-GB.pak")
    if not (CHROMIUM.exists() and languages.exists()):
        pytest.fail("no pictures: apt-get install chromium chromium-l10n")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            # Whole tiles are painted: in parts, the corner of a box may come out a shade lighter.
            args=["--no-sandbox", "--disable-gpu", "--disable-partial-raster"]
            + ["--lang=en-GB", "--font-render-hinting=none"],
            env={**os.environ, "LANGUAGE": "en_GB", "LC_ALL": "en_GB.UTF-8"},
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def drawn(page: Page, picture: Picture, world: World) -> bytes:
    """The picture, as a PNG of few colours."""
    page.clock.set_fixed_time(NOW)
    page.goto(picture.addresses(world)[0])
    if picture.act:
        picture.act(page, world)
    page.evaluate(STILL)
    page.evaluate("document.fonts.ready")
    shot = page.screenshot() if picture.whole else cut(page, picture)
    image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, "PNG", optimize=True)
    return small.getvalue()


# Where the last row, card or paragraph ends that is wholly above a line, if that is near it.
LAST_WHOLE = """(main, most) => {
  const parts = [...main.querySelectorAll("tr, section, li, p, fieldset, figure, svg")];
  const ends = parts.map((e) => e.getBoundingClientRect().bottom + 1).filter((y) => y <= most);
  const last = Math.max(0, ...ends);
  return last > 0.75 * most ? last : most;
}"""


def cut(page: Page, picture: Picture) -> bytes:
    """What a page shows beside the menu, down to where the picture ends."""
    has_menu = page.locator("#main").count()
    left = page.locator("#main").evaluate("e => e.getBoundingClientRect().x") if has_menu else 0
    end = page.locator(picture.until if has_menu else "main").last
    bottom = end.evaluate("e => e.getBoundingClientRect().bottom") + MARGIN
    if bottom > picture.height:
        bottom = page.locator("main").evaluate(LAST_WHOLE, picture.height)
    there = FloatRect(x=left, y=0, width=picture.width - left, height=bottom)
    return page.screenshot(full_page=True, clip=there)


def test_the_pictures_are_drawn(page_for, world, settings):
    """Each at its address, in the order in which they are listed."""
    settings.DEVELOPER_PAGES, settings.GPCONNECT_HOST = True, HOST
    record.FOLDER.mkdir(exist_ok=True)
    known, contents = record.recorded(), {}
    for picture in PICTURES:
        page = page_for(world.user(picture.user or MANAGER), picture.width)
        page.set_viewport_size({"width": picture.width, "height": picture.height})
        contents[picture] = drawn(page, picture, world)
        page.close()

    new = {picture.name: record.now_shown(picture, world) for picture in PICTURES}
    for picture, content in contents.items():
        now = {**new[picture.name], "file": record.of_file(picture)}
        if known.get(picture.name) != now or os.environ.get("ALL"):
            (record.FOLDER / picture.file).write_bytes(content)
            print(f"{picture.file}: {len(content) // 1024} kB", flush=True)
        new[picture.name]["file"] = record.of_file(picture)
    record.write(new)
