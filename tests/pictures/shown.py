"""Every picture of the documents: which page, by whom, and what is done there before it is drawn.

A picture is drawn of what the addresses answer, with the first of them opened in a browser. The
others are what scripts of the page fetch, so that they are looked at, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.pictures.world import FRIDAY, MONDAY, World, somebody_rings_111

MANAGER = "manager"
WIDE, NARROW = 1366, 390


@dataclass(frozen=True)
class Picture:
    """``whole``: with the menu; ``height``: of the window, and the most that is shown.

    ``until``: what is shown ends where that element does, if that is earlier. ``scripted``: classes
    that scripts give.
    """

    name: str
    addresses: Callable[[World], list[str]]
    user: str = MANAGER
    act: Callable[[Any, World], None] | None = None
    whole: bool = False
    width: int = WIDE
    height: int = 900
    until: str = "#content"
    scripted: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}.png"


def at(*addresses: str) -> Callable[[World], list[str]]:
    return lambda world: list(addresses)


def a_call_to_111(page: Any, world: World) -> None:
    """A booking comes in while the diary is open; the first picture alone shows it arrive."""
    booked = somebody_rings_111(world)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator(f"li:has(> #a{booked.pk}) .new-mark").wait_for()


PICTURES = [
    Picture(
        "diary",
        at(f"/admin/diary/?date={MONDAY}"),
        act=a_call_to_111,
        scripted=(".new", ".new-mark"),
        whole=True,
    ),
    Picture(
        "explainer",
        lambda world: [
            "/admin/visibility/?ods_code=A1001&organisation_type=urgent-care"
            f"&first={MONDAY}&last={FRIDAY}&holder={world.holder('Specimen').pk}"
        ],
        until="[aria-labelledby=causes]",
        height=1200,
    ),
]
