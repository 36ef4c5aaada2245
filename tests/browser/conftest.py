"""What every browser test may ask for: a page that somebody has signed in to, and axe.

``page_for(user, width)`` is a Chromium page of a server that runs on the test's own database. The
tests are skipped, and say so, where there is no Chromium. With ``FIREFOX`` in the environment it is
that Firefox instead, as its distribution made it (``make versions``). An error in a page's own
scripts fails the test that opened it, and so does what the Content-Security-Policy keeps from it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from workbench.staff import make_roles

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FIREFOX = os.environ.get("FIREFOX", "")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or the Firefox that was asked for, started once."""
    if not FIREFOX and not CHROMIUM.exists():
        pytest.skip(f"NO BROWSER TESTS: there is no {CHROMIUM} (apt-get install chromium)")
    # Playwright's event loop runs in the thread of the tests, which use the database all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        if FIREFOX:  # spoken to by WebDriver BiDi, which that of a distribution understands too
            started = playwright.firefox.launch(channel="moz-firefox", executable_path=FIREFOX)
        else:
            started = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
            )
        expect.set_options(timeout=15_000)  # as actions below: a busy machine is not a fault
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def staff_roles(transactional_db) -> None:
    """The roles of staff: a test that commits loses them to the one before it."""
    make_roles()


@pytest.fixture
def page_for(
    browser, live_server, staff_roles, practice, settings
) -> Iterator[Callable[..., Page]]:
    """Open pages: ``page_for(user, 390, javascript=False, dark=True)``; addresses are relative."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False  # plain HTTP here
    contexts, errors = [], []

    def open_page(user: Any, width: int, *, javascript: bool = True, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="Europe/London",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        client = Client()
        client.force_login(user)
        session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        context.add_cookies(
            [
                {
                    "name": django_settings.SESSION_COOKIE_NAME,
                    "value": session,
                    "url": live_server.url,
                }
            ]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: blocked(said.text) and errors.append(said.text))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def blocked(said: str) -> bool:
    """Whether the browser says that it kept something from loading or running."""
    return "Content Security Policy" in said


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """``axe(page)``: the page's violations of WCAG 2.2 A and AA, one line each; none: ``[]``."""

    def violations(page: Page) -> list[str]:
        options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
        found = Axe().run(page, options=options).response["violations"]
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in found
            for node in violation["nodes"]
        ]

    return violations
