"""Filters of the lists: one that opens the diary at today, and days as people type them."""

from datetime import time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter
from unfold.contrib.filters.admin import RangeDateFilter as UnfoldRangeDateFilter
from unfold.contrib.filters.admin import RangeDateTimeFilter as UnfoldRangeDateTimeFilter

from practice import clock
from practice.site.addresses import read_date


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

    @property
    def begins_today(self) -> bool:
        """Whether it narrows the list by itself: nobody has chosen."""
        return super().value() is None and self.value() == "coming"

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


def as_stored(typed: str) -> str:
    """Return a day that somebody typed in any usual way as yyyy-mm-dd; anything else as it is."""
    found = clock.read_typed_date(typed) if isinstance(typed, str) else None
    return found.isoformat() if found else typed


class RangeDateFilter(UnfoldRangeDateFilter):
    """Unfold's own takes 4/12/2026 for a day of April."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, typed in self.used_parameters.items():
            self.used_parameters[name] = as_stored(typed)


class RangeDateTimeFilter(UnfoldRangeDateTimeFilter):
    """Unfold's own does nothing about a day without a time: it is meant whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for end in ("from_0", "to_0"):
            name = f"{self.parameter_name}_{end}"
            if typed := self.used_parameters.get(name):
                self.used_parameters[name] = as_stored(typed)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = str(self.parameter_name)
        for end, lookup, whole_day in (("from", "gte", time.min), ("to", "lte", time.max)):
            day = read_date(str(self.used_parameters.get(f"{name}_{end}_0") or ""))
            typed = str(self.used_parameters.get(f"{name}_{end}_1") or "")
            if day is not None:
                moment = clock.instant(day, read_time(typed) or whole_day)
                queryset = queryset.filter(**{f"{name}__{lookup}": moment})
        return queryset


def read_time(text: str) -> time | None:
    """A time of day (09:30), or None for anything else."""
    try:
        return time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
