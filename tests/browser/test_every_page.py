"""Every page that any role reaches, at three sizes and in both themes: `make pages`.

The practice is the demo's third one: twenty clinicians with long names. Nobody is kept out (axe),
nothing makes a page scroll sideways, and no text stands on another. With PICTURES naming a folder
each page is also drawn there, to be looked at.
"""

import os
import re
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from demo import bookings
from practice.models import Organisation
from tests.practice.staff.test_words import kind_of, pages
from workbench.staff import (
    ADMINISTRATOR,
    AUDITOR,
    CLINICIAN,
    MANAGER,
    PASSWORD,
    RECEPTIONIST,
    make_staff,
)

pytestmark = [pytest.mark.pages, pytest.mark.django_db(transaction=True)]

SIZES = ((1400, 900), (1366, 650), (390, 844))
ROLES = (ADMINISTRATOR, MANAGER, RECEPTIONIST, AUDITOR, CLINICIAN)
PICTURES = os.environ.get("PICTURES", "")

# As the menu of the user does it: a page of the admin site looks at what the machine prefers only
# when it is loaded. Others, which have no such menu, follow the machine.
SWITCH_THEME = """theme => {
  if (!window.Alpine) return false;
  Alpine.$data(document.documentElement).switchTheme(theme);
  return true;
}"""

# Two pieces of text, of different elements, that are drawn on each other by more than a hair; what
# stays in place while the rest scrolls is meant to cover it.
OVERLAPPING = """() => {
  const found = [], texts = [];
  const fixed = (e) => {
    for (let p = e; p; p = p.parentElement)
      if (["fixed", "sticky"].includes(getComputedStyle(p).position)) return true;
    return false;
  };
  const clipped = (e, r) => {
    let { left, right, top, bottom } = r;
    for (let p = e; p; p = p.parentElement) {
      const s = getComputedStyle(p);
      if (s.overflowX === "visible" && s.overflowY === "visible") continue;
      const q = p.getBoundingClientRect();
      // Where a text ends in an ellipsis it keeps out of the padding, too.
      const kept = s.textOverflow === "ellipsis" ? parseFloat(s.paddingRight) : 0;
      left = Math.max(left, q.left); right = Math.min(right, q.right - kept);
      top = Math.max(top, q.top); bottom = Math.min(bottom, q.bottom);
    }
    return { left, right, top, bottom };
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.textContent.trim() || e.closest(".sr-only, script, style, option, svg")) continue;
    if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (fixed(e)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) texts.push([e, clipped(e, box)]);
  }
  const seen = texts.filter(([, r]) => r.right - r.left > 3 && r.bottom - r.top > 3);
  seen.sort((a, b) => a[1].top - b[1].top);
  for (let i = 0; i < seen.length && found.length < 5; i++)
    for (let j = i + 1; j < seen.length; j++) {
      const [a, p] = seen[i], [b, q] = seen[j];
      if (q.top > p.bottom - 4) break;
      if (a === b || a.contains(b) || b.contains(a)) continue;
      const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (across > 3 && down > 5) {
        found.push(`${a.textContent.trim().slice(0, 30)} on ${b.textContent.trim().slice(0, 30)}`);
        break;
      }
    }
  return found;
}"""


@pytest.fixture
def pretending(practice) -> Organisation:
    """Much Pretending Medical Group with two weeks of diary, a share of it booked."""
    file = settings.BASE_DIR / "demo" / "pretending.yaml"
    call_command("load_practice", str(file), stdout=StringIO())
    here = Organisation.objects.exclude(pk=practice.organisation.pk).get()
    call_command("generate_slots", practice=here.ods_code, weeks=2, stdout=StringIO())
    bookings.book_a_share(organisation=here, now=timezone.now())
    return here


def addresses(day: date) -> dict[str, list[str]]:
    """Every kind of page, once, by the role that reaches it: who may do most comes first.

    And for each role the diary of a day.
    """
    known: set[object] = set()
    found = {}
    for role in ROLES:
        client = Client()
        assert client.login(username=f"walks-{ROLES.index(role)}", password=PASSWORD)
        walked, closed = pages(client)
        assert closed == {}
        new = {kind_of(address): address for address in walked if kind_of(address) not in known}
        known |= set(new)
        found[role] = [f"/admin/diary/?date={day}", *new.values()]
    return found


def looked_at(page, axe, address: str) -> list[str]:
    """What is wrong with a page at some size, in some theme."""
    said = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            if page.evaluate(SWITCH_THEME, theme):
                expect(page.locator("html")).to_have_class(theme)
            found = axe(page) if height != 650 else []  # what is there is the same at 1400
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found.append("scrolls sideways")
            if theme == "light":
                found += page.evaluate(OVERLAPPING)
            said += [f"{address} at {width}, {theme}: {each[:300]}" for each in found]
            if PICTURES:
                name = re.sub(r"\W+", "-", address).strip("-")[:80]
                picture = Path(PICTURES) / f"{name}.{width}.{theme}.png"
                page.screenshot(path=picture, full_page=height != 650)
    return said


@pytest.mark.req("PERF-033")
def test_every_page_is_for_everybody_at_every_size(page_for, axe, pretending):
    session = pretending.schedules.exclude(session_holder=None).earliest("start")
    people = {}
    for number, role in enumerate(ROLES):
        user = make_staff(pretending, role=role, username=f"walks-{number}")
        user.set_password(PASSWORD)
        user.save()
        user.memberships.update(
            session_holder=session.session_holder if role == CLINICIAN else None
        )
        people[role] = user

    wrong = []
    number = 0
    for role, found in addresses(session.date).items():
        page = page_for(people[role], SIZES[0][0])
        for address in found:
            if page.goto(address).status == 200:
                said = looked_at(page, axe, address)
                print(address, *said, sep="\n  ", flush=True)
                wrong += said
                number += 1

    assert number > 60
    assert wrong == []
