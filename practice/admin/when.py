"""Days and times as people say them, and a filter that opens a list at today."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from practice import clock


def day_and_time(start: datetime, end: datetime | None = None) -> str:
    """Return Thu 19 Nov 2026, 10:50 to 11:00, by the clock on the wall."""
    text = f"{clock.local(start):%a %d %b %Y, %H:%M}"
    return f"{text} to {clock.local(end):%H:%M}" if end else text


def day_in_words(moment: datetime) -> str:
    """Return Thu 19 Nov 2026."""
    return f"{clock.local(moment):%a %d %b %Y}"


def times_in_words(start: datetime, end: datetime) -> str:
    """Return 10:50 to 11:00."""
    return f"{clock.local(start):%H:%M} to {clock.local(end):%H:%M}"


class WhenFilter(DropdownFilter):
    """A list of the diary begins today, unless somebody searches it or chose other dates."""

    title = "day"
    parameter_name = "when"
    start_field = "start"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today"),
            ("tomorrow", "Tomorrow"),
            ("week", "The next 7 days"),
            ("coming", "From today on"),
            ("past", "Before today"),
            ("all", "All days"),
        ]

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.searched = bool(request.GET.get("q"))
        self.dated = any(
            value and name.startswith(("start_", "date_")) for name, value in request.GET.items()
        )

    def value(self) -> str:
        """Dates that somebody chose count for more than this filter's own beginning."""
        chosen = super().value()
        if self.dated and chosen in {None, "coming"}:
            return "all"
        return chosen or ("all" if self.searched else "coming")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = clock.today(timezone.now())
        ranges = {
            "today": (today, today),
            "tomorrow": (today + timedelta(days=1), today + timedelta(days=1)),
            "week": (today, today + timedelta(days=6)),
            "coming": (today, None),
            "past": (None, today - timedelta(days=1)),
        }
        first, last = ranges.get(self.value(), (None, None))
        if first:
            queryset = queryset.filter(**{f"{self.start_field}__gte": clock.day_start(first)})
        if last:
            queryset = queryset.filter(**{f"{self.start_field}__lt": clock.day_end(last)})
        return queryset
