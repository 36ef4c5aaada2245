"""What the heading of a column leads to: what somebody may do with a clinician's day.

The diary's script fetches it when a menu is opened, and shows it there; without a script it is a
page of its own.
"""

from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from practice.reads.diary_rows import people_and_places, sessions_between
from practice.staff import diary_html
from practice.staff.base import found_or_404
from practice.staff.diary import DiaryPage, View
from practice.staff.diary_html import Links
from practice.staff.diary_layout import Strip, address_of, wall_time


class DiaryMenu(DiaryPage):
    """The address of a diary below that of a column: ``m/holder-3?date=``."""

    template = "staff/diary/menu.html"

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        view = View.of(request.GET, today=self.today)
        if view.choice.saved:
            view = view.in_saved(self.saved_views())
        view = self.checked(view, people_and_places(self.practice)[0])
        every = sessions_between(self.practice, view.first, view.last, view.choice)
        schedules = [schedule for schedule in every if view.key_of(schedule) == key]
        found = self.days_of(view, schedules, self.filling_of(view, schedules))
        strips = view.strips(found, {}, now=self.now)
        strip = found_or_404(next((one for one in strips if one.key == key), None))
        links = links_of(strip, view, request, today=self.today)
        response: HttpResponse
        if request.htmx:  # type: ignore[attr-defined]
            response = HttpResponse(diary_html.menu_items(links))
        else:
            back = f"{view.address()}#column-{key}"
            title = f"{strip.title}, {view.title}"
            response = self.render(title=title, links=links, diary=back)
        patch_vary_headers(response, ["HX-Request"])
        return response


def links_of(strip: Strip, view: View, request: HttpRequest, *, today: date) -> Links:
    """Return what is in the menu of a column of a day, for this reader."""
    return [
        *of_holder(strip, view, request, today=today),
        *of_sessions(strip, view, request, today=today),
    ]


def of_holder(strip: Strip, view: View, request: HttpRequest, *, today: date) -> Links:
    """What can be done about a session holder's day: off sick today first."""
    if not strip.holder:
        return []
    may = request.user.has_perm
    links = []
    close, day = reverse("admin:practice_closure_add"), view.day.isoformat()
    chosen = urlencode({"practitioner": strip.holder, "start_date": day, "end_date": day})
    may_close = may("practice.add_closure")
    may_report = view.day == today and (may_close or may("practice.report_sick"))
    if may_report and strip.away is None:
        links.append(("Off sick today…", f"{close}?kind=sick&{chosen}"))
    if may_close:
        links.append(("Leave, training or other closure…", f"{close}?kind=leave&{chosen}&change=1"))
    # From there on the week and the printed list are this clinician's.
    links.append(("Only this clinician", view.address(holder=strip.holder)))
    return links


def of_sessions(strip: Strip, view: View, request: HttpRequest, *, today: date) -> Links:
    """What can be done about the sessions of a column: one more, longer, an extra slot."""
    if view.day < today:
        return []
    may = request.user.has_perm
    links = []
    if may("practice.add_schedule"):
        at = {"location": strip.sessions[-1].location_id} if strip.sessions else {}
        holder = {"holder": strip.holder} if strip.holder else {}
        asked = urlencode({"date": view.day.isoformat(), **holder, **at})
        links.append(("Add a session…", f"{reverse('admin:practice_schedule_add')}?{asked}"))
    for session in strip.sessions:
        name = session.session_name or f"the session at {wall_time(session.start)}"
        if may("practice.change_schedule"):
            page = address_of("schedule", session.pk)
            links.append((f"Make {name} longer…", f"{page}?ask=extend"))
        if may("practice.add_slot"):
            add = reverse("admin:practice_slot_add")
            links.append((f"Extra slot in {name}…", f"{add}?session={session.pk}"))
    return links
