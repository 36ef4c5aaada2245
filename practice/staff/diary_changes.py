"""What has changed in the diary since a page showed it: for diary.js, and nobody else.

``have=`` names the columns of the page with their versions, ``at=`` when it last asked. The answer
holds the columns that are others now, and of the rest the blocks that the clock alone has changed.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from practice import clock
from practice.clock import moment, seconds
from practice.models import Schedule
from practice.reads.diary_changes import changes_of_days
from practice.reads.diary_rows import Filling, people_and_places, sessions_between
from practice.site.addresses import number
from practice.staff import diary_html
from practice.staff.diary import DiaryPage, View
from practice.staff.diary_layout import Scale, Strip, axis_between
from practice.staff.diary_notices import notices
from practice.staff.live import live

LONGEST_AGO = 24 * 60 * 60  # seconds


class DiaryChanges(DiaryPage):
    """The address of a diary with ``have=``, a JSON object, and ``at=``, seconds since 1970."""

    def get(self, request: HttpRequest) -> HttpResponse:
        view = View.of(request.GET, today=self.today)
        if view.choice.saved:
            view = view.in_saved(self.saved_views())
        view = self.checked(view, people_and_places(self.practice)[0])
        have = read_versions(request.GET.get("have", ""))
        changes = changes_of_days(self.practice.pk, view.first, view.last)
        shown = (view.first, view.last)
        is_live = live(self.practice, self.now, shown, changed=changes.total)
        schedules = sessions_between(self.practice, view.first, view.last, view.choice)
        versions = view.versions(schedules, changes)
        changed = {key for key, version in versions.items() if have.get(key, ("",))[0] != version}
        filling = self.filling_of(view, schedules)
        others = [s for s in schedules if view.key_of(s) in changed]
        found = self.days_of(view, others, filling.only(others))
        every = view.strips(found, versions, now=self.now)
        strips = [one for one in every if one.key in changed]
        if strips:
            self.record_viewed(view, found)
        kept = {key for key in have if key in versions and key not in changed}
        still_there = kept | {one.key for one in every}
        return JsonResponse(
            {
                "version": is_live["version"],
                "live": is_live["address"],
                "at": seconds(self.now),
                "columns": {one.key: self.column(view, one) for one in strips},
                "order": list(dict.fromkeys(map(view.key_of, in_order(view, schedules)))),
                "gone": [key for key in have if key not in still_there],
                "notices": notices(
                    self.practice,
                    view,
                    filling.closures,
                    is_empty=not still_there,
                    now=self.now,
                ),
                "unseen": view.unseen(found, versions),
                "hidden": sum(have[key][1] for key in kept) + sum(day.hidden for day in found),
                **self.turned(
                    view, [s for s in schedules if view.key_of(s) in kept], versions, filling
                ),
                **self.grown(view, strips),
            }
        )

    def grown(self, view: View, strips: list[Strip]) -> dict[str, Any]:
        """Return the scale if what has changed does not fit on the one of the page."""
        begins, ends = (number(self.request.GET.get(name)) for name in ("from", "to"))
        first = min([begins * 60, *(one.first for one in strips)])
        last = max([ends * 60, *(one.last for one in strips)])
        axis = axis_between(first, last, Scale(view.day, by_wall=view.week))
        if (axis.begins, axis.ends) == (begins, ends):
            return {}
        return {"axis": {"classes": axis.classes, "marks": diary_html.marks(axis)}}

    def turned(
        self,
        view: View,
        schedules: list[Schedule],
        versions: dict[str, str],
        filling: Filling,
    ) -> dict[str, Any]:
        """Return the blocks that are others than at ``at=`` though nobody has touched them."""
        before = self.request.GET.get("at", "")
        now = seconds(self.now)
        runs = view.first <= clock.today(self.now) <= view.last
        if not (runs and before.isdecimal() and now - LONGEST_AGO < int(before) < now):
            return {"cells": {}, "counts": {}}
        then = moment(int(before))
        held = filling.only(schedules)
        old, new = (
            {
                one.key: one
                for one in view.strips(
                    self.days_of(view, schedules, held, now=at), versions, now=at
                )
            }
            for at in (then, self.now)
        )
        cells, counts = {}, {}
        for key, strip in new.items():
            blocks = {block.key: block for block in old[key].blocks} if key in old else {}
            turned = [b for b in strip.blocks if b.key in blocks and blocks[b.key] != b]
            cells.update({block.key: diary_html.cell(block) for block in turned if block.url})
            if turned:
                counts[key] = diary_html.counts(strip)
        return {"cells": cells, "counts": counts}


def in_order(view: View, schedules: list[Schedule]) -> list[Schedule]:
    """Return sessions in the order of their columns."""
    if view.week:
        return sorted(schedules, key=lambda each: each.date)
    return sorted(
        schedules,
        key=lambda each: view.choice.place_of(
            each.session_holder, str(each.session_holder or each.location)
        ),
    )


def read_versions(text: str) -> dict[str, tuple[str, int]]:
    """Read which columns a page shows, each with its version and what it hides; none: nothing."""
    try:
        sent = json.loads(text)
    except ValueError:
        return {}
    found: dict[str, tuple[str, int]] = {}
    for key, said in sent.items() if isinstance(sent, dict) else ():
        version, _, hidden = str(said).partition(".")
        found[key] = (version, int(hidden) if hidden.isdecimal() else 0)
    return found
