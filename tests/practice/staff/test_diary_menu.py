"""What the heading of a column leads to, in the diary and without its script."""

import re
from datetime import timedelta
from urllib.parse import urljoin

from django.contrib.auth.models import Group
from django.urls import reverse

from tests.practice.staff.diary_world import DURING, HTMX, THURSDAY
from workbench.factories import make_schedule


def test_whoever_may_report_it_finds_off_sick_first_in_the_heading_of_today(
    practice, client, receptionist
):
    holder = make_schedule(date=THURSDAY).session_holder_id
    make_schedule(date=THURSDAY + timedelta(days=1))

    def menu(day):
        content = client.get("/admin/diary/", {"date": day}).content.decode()
        [more] = re.findall(r'<details class="diary-menu.*?<li><a href="([^"]*)"', content)
        return links_in(client.get(urljoin(reverse("admin:diary"), more), headers=HTMX))

    address, first = menu(THURSDAY)[0]
    assert first == "Off sick today…"
    assert f"kind=sick&amp;practitioner={holder}&amp;start_date=2026-11-19" in address
    assert menu(THURSDAY + timedelta(days=1))[0][1] == "Only this clinician"
    receptionist.groups.set(Group.objects.filter(name="Auditor"))
    assert menu(THURSDAY)[0][1] == "Only this clinician"


def links_in(response):
    """Where the menu of a heading leads, and in which words."""
    found = response.content.decode().partition('id="content"')
    return re.findall(r'<li><a [^>]*?href="([^"]*)">([^<]*)', found[2] or found[0])


def test_without_a_script_a_heading_leads_to_a_page_with_the_same_choices(
    practice, client, manager, monkeypatch
):
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    session = make_schedule(date=THURSDAY, session_name="Minor <illness>")
    key = f"holder-{session.session_holder_id}"
    address = reverse("admin:diary_menu", args=[key]) + f"?date={THURSDAY}"
    nobody = reverse("admin:diary_menu", args=["holder-0"]) + f"?date={THURSDAY}"

    page = client.get(address)
    menu = client.get(address, headers=HTMX)

    assert links_in(page) == links_in(menu)
    assert [words for _, words in links_in(page)] == [
        "Off sick today…",
        "Leave, training or other closure…",
        "Only this clinician",
        "Add a session…",
        "Make Minor &lt;illness&gt; longer…",
        "Extra slot in Minor &lt;illness&gt;…",
    ]
    assert f'href="/admin/diary/?date={THURSDAY}#column-{key}">Back to the diary' in (
        page.content.decode()
    )
    assert all(
        client.get(way.replace("&amp;", "&")).status_code == 200 for way, _ in links_in(page)
    )
    assert client.get(nobody).status_code == 404
