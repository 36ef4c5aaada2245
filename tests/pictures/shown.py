"""Every picture of the documents: which page, by whom, and what is done there before it is drawn.

A picture is drawn of what the addresses answer, with the first of them opened in a browser. The
others are what scripts of the page fetch, so that they are looked at, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from demo import sandboxes
from practice.models import AuditEvent, Series, SessionTemplate
from tests.pictures.world import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, World, somebody_rings_111

MANAGER, RECEPTION = "manager", "reception"
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


def open_details(page: Any, world: World) -> None:
    """The details of an appointment stand beside the diary."""
    page.locator(f"#a{world.booked(after=time(11)).pk}").click()
    page.locator("#diary-panel h2").first.wait_for()


def past_the_filters(page: Any, world: World) -> None:
    page.locator(".diary-go").evaluate("e => scrollTo(0, e.getBoundingClientRect().top - 8)")


def as_printed(page: Any, world: World) -> None:
    page.emulate_media(media="print")
    page.evaluate("document.body.style.padding = '16px'")


def booking(world: World, *more: str) -> str:
    patient = world.patient("Ivy", "Dummyson").pk
    return "&".join([f"/admin/practice/appointment/add/?patient={patient}", *more])


def template(world: World) -> str:
    of_week = SessionTemplate.objects.filter(session_holder=world.holder("Specimen"))
    return f"/admin/practice/sessiontemplate/{of_week.earliest('pk').pk}/change/"


def exchange(world: World) -> str:
    """What a supplier sent that was refused."""
    made = AuditEvent.objects.filter(organisation=world.sandbox, outcome="409")
    return f"{sandboxes.page_of(world.sandbox)}{made.latest('pk').detail['exchange']}/"


SUNDAY = MONDAY - timedelta(days=1)
SICK = (
    "/admin/practice/closure/add/?kind=sick&name=Clinician+unwell&location="
    f"&start_date={TUESDAY}&end_date={TUESDAY}&start_time=&end_time=&practitioner="
)

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
    Picture("front-page", at("/admin/"), whole=True),
    Picture(
        "appointment",
        lambda world: [
            f"/admin/diary/?date={MONDAY}",
            f"/admin/practice/appointment/{world.booked(after=time(11)).pk}/change/",
        ],
        user=RECEPTION,
        act=open_details,
    ),
    Picture(
        "diary-on-a-telephone",
        at(f"/admin/diary/?date={MONDAY}"),
        act=past_the_filters,
        whole=True,
        width=NARROW,
        height=844,
    ),
    Picture("booking", lambda world: [booking(world)], user=RECEPTION),
    Picture(
        "booking-confirm",
        lambda world: [booking(world, f"slot={world.free('Specimen', WEDNESDAY).pk}")],
        user=RECEPTION,
    ),
    Picture("next-available", at("/admin/next-available/"), user=RECEPTION),
    Picture(
        "patient",
        lambda world: [f"/admin/practice/patient/{world.patient('Ivy', 'Dummyson').pk}/"],
        user=RECEPTION,
    ),
    Picture(
        "unregistered-caller",
        lambda world: [
            "/admin/practice/patient/add/?given_names=Nell&family_name=Newcombe-Sample"
            "&birth_date=1991-04-23&gender=female&telephone=07700+900199&registration_type=T"
            f"&slot={world.free('Specimen', WEDNESDAY).pk}"
        ],
        user=RECEPTION,
    ),
    Picture(
        "move",
        lambda world: [f"/admin/practice/appointment/{world.booked(after=time(11)).pk}/move/"],
        user=RECEPTION,
    ),
    Picture("closure-impact", lambda world: [f"{SICK}{world.holder('Placeholder').pk}"]),
    Picture("call-list", lambda world: [f"/admin/practice/closure/{world.sick.pk}/change/"]),
    Picture("worklist", at("/admin/worklist/"), user=RECEPTION),
    Picture("cancellation-list", at("/admin/cancellation-list/"), user=RECEPTION),
    Picture(
        "series",
        lambda world: [f"/admin/series/{Series.objects.get(organisation=world.practice).pk}/"],
        user=RECEPTION,
    ),
    Picture(
        "book-together",
        lambda world: [
            f"/admin/series/add/?patient={world.patient('Ivy', 'Dummyson').pk}"
            f"&slot={world.free('Specimen', WEDNESDAY).pk}&every=2&times=3"
        ],
        user=RECEPTION,
        height=1300,
    ),
    Picture(
        "clinic-list",
        lambda world: [f"/admin/clinic-list/?date={MONDAY}&holder={world.holder('Specimen').pk}"],
        user=RECEPTION,
        act=as_printed,
        width=1000,
        height=1200,
    ),
    Picture("template", lambda world: [template(world)], height=1100),
    Picture("slot-types", at("/admin/practice/slottype/")),
    Picture("who-may-book", at("/admin/practice/accessprofile/")),
    Picture("promises", at("/admin/promises/")),
    Picture("who-asks", at("/admin/who-asks/")),
    Picture("going-live", at("/admin/going-live/"), user="administrator"),
    Picture("measures", at("/admin/measures/?period=year"), height=1250),
    Picture("utilisation", at("/admin/utilisation/")),
    Picture("setting-up", at("/admin/setting-up/"), user="administrator"),
    Picture(
        "audit-trail",
        lambda world: [
            f"/admin/audit/?to_date={SUNDAY}"
            f"&nhs_number={world.patient('Ivy', 'Dummyson').nhs_number}"
        ],
        user="auditor",
    ),
    Picture("developers", at("/developer/"), user="", width=1000),
    Picture("sandbox", lambda world: [sandboxes.page_of(world.sandbox)], user="", width=1000),
    Picture("sandbox-exchange", lambda world: [exchange(world)], user="", width=1000),
]
