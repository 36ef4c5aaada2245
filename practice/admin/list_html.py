"""The lists of the site as HTML: hundreds of cells, so without a template.

A column is looked at once, not again for each of its cells. What people have written is escaped
here; what is written as HTML already (a link in a cell) is taken as it is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Max, Min
from django.utils.html import conditional_escape, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    TextFilter,
)
from unfold.templatetags.unfold_list import result_headers
from unfold.utils import display_for_field, display_for_value

from practice import clock
from practice.site.addresses import number

TICK = "action_checkbox"
PARTS = ("year", "month", "day")
MONTHS = ("", *(f"{datetime(2000, month, 1):%B}" for month in range(1, 13)))
Say = Callable[[Any], str]

# ---------------------------------------------------------------- columns


@dataclass(frozen=True)
class Column:
    """A column: what opens and closes each of its cells, and what says a record's words there."""

    before: str
    after: str
    is_link: bool
    say: Say


def columns(list_: ChangeList, headings: list[dict[str, Any]]) -> list[Column]:
    """Return the columns but for the one to tick; the first link is the heading of its row."""
    links = list_.list_display_links or ()
    found: list[Column] = []
    for name, heading in zip(list_.list_display, headings, strict=True):
        if name == TICK:
            continue
        is_link = name in links
        is_first = is_link and not any(column.is_link for column in found)
        tag, scope = ("th", ' scope="row"') if is_first else ("td", "")
        label = escape(capfirst(str(heading["text"])))
        found.append(
            Column(
                before=f'<{tag}{scope} class="field-{name}" data-label="{label}">',
                after=f"</{tag}>",
                is_link=is_link,
                say=teller(list_, str(name)),
            )
        )
    return found


def teller(list_: ChangeList, name: str) -> Say:
    """Return what says one column of a record: a field of the model, else a method."""
    empty = str(list_.model_admin.get_empty_value_display())
    try:
        field: Any = list_.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return method_teller(getattr(list_.model_admin, name, None), name, empty)
    if isinstance(field, models.ForeignKey):
        return lambda record: text_of(getattr(record, name), empty)
    if isinstance(field, models.BooleanField):
        return lambda record: yes_or_no(getattr(record, name))
    if choices := dict(field.flatchoices):
        return lambda record: text_of(choices.get(getattr(record, name)), empty)
    return lambda record: conditional_escape(display_for_field(getattr(record, name), field, empty))


def method_teller(method: Any, name: str, empty: str) -> Say:
    if method is None:
        return lambda record: text_of(getattr(record, name), empty)
    if label := getattr(method, "label", None):
        return lambda record: tagged(method(record), label, empty)
    if getattr(method, "boolean", False):
        return lambda record: yes_or_no(method(record))
    return lambda record: text_of(method(record), empty)


def text_of(value: Any, empty: str) -> str:
    if type(value) is str or isinstance(value, models.Model):
        return escape(str(value))
    if isinstance(value, str):
        return conditional_escape(value)
    return conditional_escape(display_for_value(value, empty))


def yes_or_no(value: Any) -> str:
    return "Yes" if value else "No"


def tagged(value: Any, tones: Any, empty: str) -> str:
    """Return a state in its colour: its words, or its key and its words; nothing: empty."""
    key, words = value if isinstance(value, tuple) else (value, value)
    if not words:
        return escape(empty)
    tone = (tones[key] if key in tones or isinstance(value, tuple) else None) or ""
    return f'<span class="list-tag {tone}">{text_of(words, empty)}</span>'


# ---------------------------------------------------------------- the table


def table(list_: ChangeList) -> SafeString:
    """Return the whole table: headings to sort by, and a row for each record."""
    headings = list(result_headers(list_))
    sorted_by = sum(bool(heading.get("sorted")) for heading in headings)
    head = "".join(
        heading_cell(name, heading, sorted_by)
        for name, heading in zip(list_.list_display, headings, strict=True)
    )
    return mark_safe(  # noqa: S308 # nosec B308 B703 - what people have written is escaped
        '<div class="list-scroll"><table id="result_list" class="result-list">'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows(list_, headings))}</tbody></table></div>"
    )


def heading_cell(name: Any, heading: dict[str, Any], sorted_by: int) -> str:
    if name == TICK:
        return (
            '<th class="list-tick" scope="col"><input type="checkbox" id="action-toggle"'
            ' aria-label="Select every row of this page" hidden></th>'
        )
    words = escape(capfirst(str(heading["text"])))
    if not heading["sortable"]:
        return f'<th scope="col">{words}</th>'
    link = f'<a href="{escape(heading["url_primary"])}">{words}</a>'
    if not heading["sorted"]:
        return f'<th scope="col">{link}</th>'
    way, arrow = ("ascending", "▲") if heading["ascending"] else ("descending", "▼")
    place = f"<small>{heading['sort_priority']}</small>" if sorted_by > 1 else ""
    return (
        f'<th scope="col" aria-sort="{way}">{link}'
        f' <a class="toggle" href="{escape(heading["url_toggle"])}" title="Sort the other way">'
        f'<span aria-hidden="true">{arrow}</span>'
        '<span class="sr-only">Sort the other way</span></a>'
        f'{place} <a class="sortremove" href="{escape(heading["url_remove"])}"'
        ' title="Do not sort by this"><span aria-hidden="true">×</span>'
        '<span class="sr-only">Do not sort by this</span></a></th>'
    )


def rows(list_: ChangeList, headings: list[dict[str, Any]]) -> Iterator[str]:
    shown = columns(list_, headings)
    ticked = TICK in list_.list_display
    for record, address in zip(list_.result_list, addresses(list_), strict=True):
        cells, name = [], []
        opener = f' data-popup-opener="{escape(str(record.pk))}"' if list_.is_popup else ""
        for column in shown:
            words = column.say(record)
            if column.is_link:
                name.append(words)
                words = f'<a href="{address}"{opener}>{words}</a>'
            cells.append(f"{column.before}{words}{column.after}")
        tick = ""
        if ticked:
            said = ", ".join(strip_tags(each) if "<" in each else each for each in name)
            tick = (
                '<td class="list-tick"><input type="checkbox" class="action-select"'
                f' name="_selected_action" value="{record.pk}" aria-label="Select {said}"></td>'
            )
        yield f"<tr>{tick}{''.join(cells)}</tr>"


def addresses(list_: ChangeList) -> list[str]:
    """Return where each row leads: addresses that differ in the record's key and nothing else."""
    records = list(list_.result_list)
    if not records or not list_.list_display_links:
        return [""] * len(records)
    first = list_.url_for_result(records[0])
    full = add_preserved_filters(
        {"preserved_filters": list_.preserved_filters, "opts": list_.opts}, first
    )
    kept = escape(full.removeprefix(first))
    before, _, after = first.rpartition(str(quote(records[0].pk)))
    return [f"{before}{quote(record.pk)}{after}{kept}" for record in records]


# ---------------------------------------------------------------- filters and pages


def filters(list_: ChangeList) -> SafeString:
    """Return a field for each filter, with what is chosen now."""
    return mark_safe(  # noqa: S308 # nosec B308 B703 - what people have written is escaped
        "".join(map(filter_field, list_.filter_specs))
    )


def filter_field(spec: Any) -> str:
    title = escape(capfirst(str(spec.title)))
    if isinstance(spec, RangeDateTimeFilter):
        return between(spec, title, ("from_0", "date"), ("from_1", "time"), "to_0", "to_1")
    if isinstance(spec, RangeDateFilter):
        return between(spec, title, ("from", "date"), None, "to", None)
    if isinstance(spec, FieldTextFilter | TextFilter):
        name = spec.lookup_kwarg if isinstance(spec, FieldTextFilter) else spec.parameter_name
        value = escape(str(spec.value() or ""))
        return (
            f'<label class="list-filter"><span>{title}</span>'
            f'<input type="text" name="{name}" value="{value}"></label>'
        )
    name = getattr(spec, "lookup_kwarg", None) or spec.parameter_name
    value = str(spec.value() if spec.value() is not None else "")
    options = "".join(
        f'<option value="{escape(str(key))}"{" selected" if str(key) == value else ""}>'
        f"{escape(str(words))}</option>"
        for key, words in options_of(spec)
    )
    return (
        f'<label class="list-filter"><span>{title}</span>'
        f'<select name="{name}">{options}</select></label>'
    )


def options_of(spec: Any) -> Iterable[tuple[Any, Any]]:
    every: list[tuple[Any, Any]] = [("", "All")] if spec.all_option else []
    if isinstance(spec, BooleanRadioFilter):
        return [*every, ("1", "Yes"), ("0", "No")]
    if isinstance(spec, ChoicesDropdownFilter):
        return [*every, *spec.field.flatchoices]
    return [*every, *spec.lookup_choices]


def between(
    spec: Any,
    title: str,
    day: tuple[str, str],
    time: tuple[str, str] | None,
    last_day: str,
    last_time: str | None,
) -> str:
    """Return the fields of a time between two others, each of which may be left open."""
    asked = spec.used_parameters

    def field(suffix: str, kind: str, label: str) -> str:
        name = f"{spec.parameter_name}_{suffix}"
        typed = str(asked.get(name) or "")
        if kind == "date" and (found := clock.read_typed_date(typed)):
            typed = found.isoformat()
        return (
            f'<input type="{kind}" name="{name}" value="{escape(typed)}"'
            f' aria-label="{title}: {label}">'
        )

    first = field(day[0], "date", "from")
    last = field(last_day, "date", "to")
    if time and last_time:
        first += field(time[0], "time", "from, time")
        last += field(last_time, "time", "to, time")
    return (
        f'<fieldset class="list-filter"><legend>{title}</legend>'
        f"<div><span>from</span> {first}</div><div><span>to</span> {last}</div></fieldset>"
    )


def kept(list_: ChangeList) -> SafeString:
    """Return what a search keeps of the filters, as fields that nobody sees."""
    return hidden(
        (name, value)
        for name, values in list_.filter_params.items()
        for value in values
        if name != "q"
    )


def kept_of_search(list_: ChangeList) -> SafeString:
    """Return what the filters keep: the search, the order, the months chosen."""
    of_days = f"{list_.date_hierarchy}__"
    return hidden(
        (name, value)
        for name, value in list_.params.items()
        if name in {"q", "o", "_popup"} or name.startswith(of_days)
    )


def hidden(values: Iterable[tuple[str, Any]]) -> SafeString:
    return mark_safe(  # noqa: S308 # nosec B308 B703 - escaped
        "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(str(value))}">'
            for name, value in values
        )
    )


def pages(list_: ChangeList) -> SafeString:
    """Return the links to the other pages; none where there is one page only."""
    if not list_.multi_page or list_.show_all:
        return SafeString()
    parts = []
    for page in list_.paginator.get_elided_page_range(list_.page_num):
        if page == list_.paginator.ELLIPSIS:
            parts.append("<span>…</span>")
        elif page == list_.page_num:
            parts.append(f'<span aria-current="page">{page}</span>')
        else:
            address = escape(list_.get_query_string({PAGE_VAR: page}))
            parts.append(f'<a href="{address}">{page}</a>')
    return mark_safe("".join(parts))  # noqa: S308 # nosec B308 B703 - numbers


# ---------------------------------------------------------------- years, months and days


def calendar(list_: ChangeList) -> SafeString:
    """Return the links that narrow a list of days to a year, a month, a day, and back again.

    From the first day of the list to its last, whether or not there is something on each.
    """
    name = list_.date_hierarchy
    year, month, day = (number(str(list_.params.get(f"{name}__{part}") or "")) for part in PARTS)
    bounds = list_.queryset.order_by().aggregate(first=Min(name), last=Max(name))
    if not bounds["first"]:
        return SafeString()
    first, last = (
        clock.local(moment).date() if isinstance(moment, datetime) else moment
        for moment in (bounds["first"], bounds["last"])
    )

    def link(words: str, *chosen: int) -> str:
        asked = dict(zip((f"{name}__{part}" for part in PARTS), chosen, strict=False))
        address = escape(list_.get_query_string(asked, [f"{name}__"]))
        return f'<li><a href="{address}">{words}</a></li>'

    if day and month and year:
        links = [link(f"Back to {MONTHS[month % 13]} {year}", year, month)]
    elif month and year:
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        links = [link(f"Back to {year}", year)]
        links += [link(f"{each:%a} {each.day}", year, month, each.day) for each in days]
    elif year or first.year == last.year:
        of_year = year or first.year
        begins, ends = (first.month, last.month) if first.year == last.year == of_year else (1, 12)
        links = [link("All years")] if year else []
        months = range(begins, ends + 1)
        links += [link(f"{MONTHS[each]} {of_year}", of_year, each) for each in months]
    else:
        links = [link(str(each), each) for each in range(first.year, last.year + 1)]
    return mark_safe(f'<ul class="list-calendar">{"".join(links)}</ul>')  # noqa: S308 # nosec B308 B703 - numbers
