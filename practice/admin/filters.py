"""A filter that opens a list of the diary at today."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from practice import clock


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
