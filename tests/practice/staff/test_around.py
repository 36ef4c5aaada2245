"""What stands around every page: a menu for whoever may open the same, kept and never mixed up."""

import re

import pytest
from django.contrib.auth.models import Permission

from practice.staff import around
from workbench.staff import make_staff, signed_in


def menu(client, address: str = "/admin/") -> dict[str, bool]:
    """What the menu of a page leads to, and whether one is there."""
    page = client.get(address).content.decode()
    part = page[page.index('id="nav-sidebar-apps"') : page.index("</nav>")]
    links = re.findall(r'<a href="([^"]+)" class="menu-entry( active)?"', part)
    return {link: bool(active) for link, active in links}


@pytest.fixture(autouse=True)
def no_menus():
    around.menus.clear()


def test_a_menu_that_is_kept_is_nobody_elses(practice):
    there = practice.organisation
    manager = signed_in(there, role="Practice manager")
    auditor = signed_in(there, role="Auditor")

    of_manager, of_auditor = menu(manager), menu(auditor)

    assert "/admin/practice/closure/" in of_manager
    assert "/admin/auth/user/" not in of_manager
    assert "/admin/audit/" in of_auditor
    assert menu(manager) == of_manager
    assert len(around.menus) == 2


def test_who_may_do_more_from_now_on_finds_it_in_the_menu(practice):
    client = signed_in(practice.organisation, role="Receptionist")
    assert "/admin/auth/user/" not in menu(client)

    client.user.user_permissions.add(Permission.objects.get(codename="view_user"))

    assert "/admin/auth/user/" in menu(client)


def test_the_menu_says_where_one_is(practice):
    client = signed_in(practice.organisation, role="Receptionist")

    assert [link for link, here in menu(client, "/admin/diary/").items() if here] == [
        "/admin/diary/"
    ]
    assert [link for link, here in menu(client).items() if here] == ["/admin/"]
    assert 'active" aria-current="page"' in client.get("/admin/").content.decode()


def test_no_more_menus_are_kept_than_there_is_room_for(practice, monkeypatch):
    monkeypatch.setattr(around, "MOST_MENUS", 1)
    for role in ("Receptionist", "Auditor", "Practice manager"):
        assert menu(signed_in(practice.organisation, role=role))

    assert len(around.menus) == 1


def test_each_page_names_its_own_reader_practice_and_messages(practice):
    """What is found once for all pages holds nothing of whoever asked first."""
    first = signed_in(practice.organisation, role="Receptionist", first_name="Ada")
    other = make_staff(role="Receptionist", first_name="Ben")
    first.get("/admin/")

    page = signed_in(role="Receptionist", first_name="Cyd").get("/admin/").content.decode()

    assert "Cyd" in page
    assert "Ada" not in page
    assert practice.organisation.name not in page
    assert other.first_name not in page
