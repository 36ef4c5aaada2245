"""What stands around every page of the site: its menu, and what its templates ask for.

Unfold finds all of it anew for each page, which took a third of the front page's time. Here what is
the same on every page is found once, and a menu once for everybody who may open the same.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from practice.site.services import services_are_open

MOST_MENUS = 100  # that are kept: one for each set of permissions that somebody has


class Entry(NamedTuple):
    """A line of the menu; one with a hint stands on the front page, too."""

    title: str
    icon: str
    link: str
    hint: str


class Group(NamedTuple):
    title: str
    entries: list[Entry]


class Menu:
    """The menu of whoever may open the same pages."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self.groups = [group for group in groups if group.entries]
        self.made: dict[tuple[str, ...], SafeString] = {}

    def html(self, path: str) -> SafeString:
        """Return the menu as it stands beside the page at this address."""
        front_page = reverse("admin:index")
        links = [entry.link for group in self.groups for entry in group.entries]
        here = tuple(
            link for link in links if link == path or (link in path and link != front_page)
        )
        if here not in self.made:
            context = {"groups": self.groups, "here": here}
            self.made[here] = render_to_string("admin/menu.html", context)
        return self.made[here]

    @cached_property
    def cards(self) -> SafeString:
        """Return the menu as it stands on the front page."""
        return render_to_string("staff/front_page/menu.html", {"groups": self.groups})


# By what somebody may do (None: everything), and whether services are there where they work.
menus: dict[tuple[frozenset[str] | None, bool], Menu] = {}


def menu_of(request: HttpRequest) -> Menu:
    """Return the menu of the person who asks: what they may not open is not in it."""
    user: Any = request.user
    all_of_it = None if user.is_superuser else frozenset(user.get_all_permissions())
    may = all_of_it, services_are_open(request)
    if may not in menus:
        ours: Any = settings.UNFOLD
        if len(menus) >= MOST_MENUS:
            menus.clear()
        menus[may] = Menu(
            Group(
                group["title"],
                [
                    Entry(item["title"], item["icon"], str(item["link"]), item.get("hint", ""))
                    for item in group["items"]
                    if "permission" not in item or item["permission"](request)
                ],
            )
            for group in ours["SIDEBAR"]["navigation"]
        )
    return menus[may]
