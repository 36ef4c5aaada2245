"""The weekly return: every appointment and every unbooked slot of a week, a row each.

An appointment of any status is one row, in the week in which it starts, and so is a slot that no
live appointment holds. Each counts as its type was mapped on its day, so that another mapping
changes no past week. Read a page at a time: memory does not grow with the week.

COLUMNS is the layout, in one place: that of the national standard can be put there.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from practice import clock
from practice.models import (
    Appointment,
    AppointmentSlot,
    ExceptionReason,
    Organisation,
    Slot,
    SlotTypeMapping,
    WeeklyReturn,
)
from practice.reads.how_booked import method_and_source
from practice.reads.mapping import UNMAPPED
from practice.reads.slot_types import Mappings, mode_of

PAGE = 1000
APPOINTMENT, SLOT = "appointment", "slot"
BLOCKED = (Slot.Status.BUSY_UNAVAILABLE, Slot.Status.BUSY_TENTATIVE, Slot.Status.ENTERED_IN_ERROR)


class Row(NamedTuple):
    """What a row says, as the columns look at it; None: it does not apply, or nobody said."""

    practice: str
    kind: str
    pk: int
    slots: list[int]
    session: int
    start: datetime
    end: datetime
    bookable: bool | None
    gp_connect_bookable: bool | None
    slot_type: str
    channel: str
    mapping: SlotTypeMapping | None
    status: str
    clinician: str
    role: str
    location: str
    booked_at: datetime | None = None
    mapping_when_booked: SlotTypeMapping | None = None
    became: dict[str, str] | None = None
    method: str = ""
    source: str = ""
    booking_organisation: str = ""
    exception_reasons: list[str] | None = None
    patient: int | None = None

    @property
    def order(self) -> tuple[datetime, str, int]:
        """By start; of one start appointments come first, then slots, by id."""
        return self.start, self.kind, self.pk


@dataclass(frozen=True)
class Column:
    """A column: its name, what stands there in words, and where it comes from."""

    name: str
    says: str
    value: Callable[[Row], Any]


def _mapped(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.mapping, name) if row.mapping else None


def _category(mapping: SlotTypeMapping | None) -> str:
    return mapping.category if mapping else UNMAPPED


def _became(status: str) -> Callable[[Row], Any]:
    return lambda row: (row.became or {}).get(status)


def _not_recorded(row: Row) -> None:
    return None


COLUMNS = (
    Column("practice", "ODS code", lambda row: row.practice),
    Column("kind", "`appointment`, or `slot` that nobody has", lambda row: row.kind),
    Column(
        "appointment",
        "our id of the booking, kept for good",
        lambda row: row.pk if row.kind == APPOINTMENT else None,
    ),
    Column(
        "slots",
        "our ids of the slots that it has, or had before it was cancelled; of a slot its own",
        lambda row: row.slots,
    ),
    Column("session", "our id of the session", lambda row: row.session),
    Column("start", "UK time, with its offset", lambda row: _uk(row.start)),
    Column(
        "planned_minutes",
        "from start to end",
        lambda row: (row.end - row.start) // timedelta(minutes=1),
    ),
    Column(
        "bookable",
        "whether the (first) slot is for bookings: neither blocked nor held, whatever its embargo",
        lambda row: row.bookable,
    ),
    Column(
        "gp_connect_bookable",
        "whether it is one that other organisations may book",
        lambda row: row.gp_connect_bookable,
    ),
    Column("slot_type", "the practice's own name for it", lambda row: row.slot_type),
    Column(
        "national_category",
        "as the type counted on the day of `start`; Unmapped: it was not mapped",
        lambda row: _category(row.mapping),
    ),
    Column("service_setting", "as the category", _mapped("setting")),
    Column("context_type", "as the category", _mapped("context")),
    Column(
        "mode",
        "as the category; where the mapping says none, what the channel counted as",
        lambda row: mode_of(row.mapping, row.channel) or None,
    ),
    Column(
        "list_version",
        "version of the national lists under which the type was mapped",
        _mapped("list_version"),
    ),
    Column(
        "category_when_booked",
        "what the type counted as on the day of `booked_at`; another: inconsistent mapping",
        lambda row: _category(row.mapping_when_booked) if row.booked_at else None,
    ),
    Column(
        "status",
        "of an appointment one of `proposed`, `pending`, `booked`, `arrived`, `fulfilled`, "
        "`cancelled`, `noshow`, `entered-in-error`; of a slot `free`, `busy-unavailable` (blocked) "
        "or `busy-tentative` (held)",
        lambda row: row.status,
    ),
    Column("booked_at", "UK time, to the second", lambda row: row.booked_at and _uk(row.booked_at)),
    Column("cancelled_at", "as `booked_at`", _became(Appointment.Status.CANCELLED)),
    Column("arrived_at", "when it was marked so, as `booked_at`", _became("arrived")),
    Column("actual_start", "empty: not recorded here", _not_recorded),
    Column("actual_end", "empty: not recorded here", _not_recorded),
    Column("actual_seconds", "empty: not recorded here", _not_recorded),
    Column("clinician", "SDS user ID of the session holder", lambda row: row.clinician or None),
    Column("staff_role", "SDS job role code", lambda row: row.role or None),
    Column("location", "the practice's name of the place", lambda row: row.location),
    Column(
        "booking_method",
        "`telephone`, `in-person`, `online`, `letter` or `gp-connect`; empty: nobody said",
        lambda row: row.method or None,
    ),
    Column(
        "booking_source",
        "`practice`, `urgent-care`, `gp-practice` or `other`",
        lambda row: row.source or None,
    ),
    Column(
        "booking_organisation",
        "ODS code of who booked from outside",
        lambda row: row.booking_organisation or None,
    ),
    Column(
        "exception_reasons",
        "why it was booked more than 14 days ahead, where somebody said",
        lambda row: row.exception_reasons if row.kind == APPOINTMENT else None,
    ),
    Column(
        "patient",
        "our own number of the record, which says nothing elsewhere; no name, no NHS number",
        lambda row: row.patient,
    ),
)


def _uk(moment: datetime) -> str:
    return clock.local(moment).isoformat(timespec="seconds")


# ---------------------------------------------------------------- the rows


def rows_of_week(*, organisation: Organisation, first_day: date) -> Iterator[Row]:
    """Every appointment and every unbooked slot of the week from a Monday on, by start."""
    week = first_day, first_day + timedelta(days=6)
    mappings = Mappings(organisation)
    found = (
        _appointments(organisation, week, mappings),
        _unbooked_slots(organisation, week, mappings),
    )
    yield from heapq.merge(*found, key=lambda row: row.order)


def _pages(found: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[list[dict[str, Any]]]:
    """What is found, by start and id, a page at a time: no cursor stays open."""
    rows = found.order_by("start", "pk").values("pk", "start", *columns)
    page = list(rows[:PAGE])
    while page:
        yield page
        start, pk = page[-1]["start"], page[-1]["pk"]
        later = Q(start__gt=start) | Q(start=start, pk__gt=pk)
        page = list(rows.filter(later, start__gte=start)[:PAGE])


OF_APPOINTMENT = (
    *("end", "schedule_id", "slot_type", "delivery_channel", "status", "practitioner_role"),
    *("created", "booked_via", "booking_organisation_json", "booking_organisation_ods_code"),
    *("provenance", "patient_id", "location__name", "schedule__session_holder__sds_user_id"),
    *("how_booked__method", "how_booked__source"),
)


def _appointments(
    organisation: Organisation, week: tuple[date, date], mappings: Mappings
) -> Iterator[Row]:
    found = Appointment.objects.filter(organisation=organisation).on_days(*week)
    for page in _pages(found, OF_APPOINTMENT):
        ids = [each["pk"] for each in page]
        slots, reasons = _slots_of(ids), _reasons_of(ids)
        for each in page:
            said = each["how_booked__source"] and (
                each["how_booked__method"],
                each["how_booked__source"],
            )
            method, source = method_and_source(
                booked_via=each["booked_via"],
                organisation_json=each["booking_organisation_json"],
                said=said or None,
            )
            held = slots[each["pk"]]
            name, created = each["slot_type"], each["created"]
            yield Row(
                practice=organisation.ods_code,
                kind=APPOINTMENT,
                pk=each["pk"],
                slots=[pk for pk, _, _ in held],
                session=each["schedule_id"],
                start=each["start"],
                end=each["end"],
                bookable=held[0][1] if held else None,
                gp_connect_bookable=held[0][2] if held else None,
                slot_type=name,
                channel=each["delivery_channel"],
                mapping=mappings.on(name, clock.today(each["start"])),
                status=each["status"],
                clinician=each["schedule__session_holder__sds_user_id"] or "",
                role=each["practitioner_role"],
                location=each["location__name"],
                booked_at=created,
                mapping_when_booked=mappings.on(name, clock.today(created)),
                became=became(each["provenance"]),
                method=method,
                source=source,
                booking_organisation=each["booking_organisation_ods_code"],
                exception_reasons=reasons[each["pk"]],
                patient=each["patient_id"],
            )


def _slots_of(ids: list[int]) -> dict[int, list[tuple[int, bool, bool]]]:
    """The slots that each appointment has or had: id, whether for bookings, and for others."""
    found: dict[int, list[tuple[int, bool, bool]]] = defaultdict(list)
    links = AppointmentSlot.objects.filter(appointment__in=ids).order_by("slot__start", "slot")
    rows = links.values_list(
        "appointment_id", "slot_id", "slot__status", "slot__gp_connect_bookable"
    )
    for appointment, slot, status, gp_connect_bookable in rows:
        found[appointment].append((slot, status not in BLOCKED, gp_connect_bookable))
    return found


def _reasons_of(ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    given = ExceptionReason.objects.filter(appointment__in=ids)
    for appointment, reason in given.values_list("appointment_id", "reason"):
        found[appointment].append(reason)
    for reasons in found.values():
        reasons.sort()  # here, as each database sorts texts in its own way
    return found


def became(provenance: list[dict[str, Any]]) -> dict[str, str]:
    """When an appointment became what it is: its statuses, but for those that were undone."""
    times: dict[str, str] = {}
    for entry in provenance:
        status = entry.get("changes", {}).get("status")
        if not status:
            continue
        if entry["action"] == "undone":
            times.pop(status["from"], None)
        else:
            times[status["to"]] = _uk(datetime.fromisoformat(entry["at"]))
    return times


OF_SLOT = (
    *("end", "schedule_id", "slot_type", "delivery_channel", "status", "gp_connect_bookable"),
    *("schedule__practitioner_role", "schedule__location__name"),
    "schedule__session_holder__sds_user_id",
)


def _unbooked_slots(
    organisation: Organisation, week: tuple[date, date], mappings: Mappings
) -> Iterator[Row]:
    """Slots of the diary that no live appointment has: free, blocked or held."""
    held = AppointmentSlot.objects.held().filter(slot=OuterRef("pk"))
    found = Slot.objects.filter(organisation=organisation).in_diary().valid().on_days(*week)
    for page in _pages(found.filter(~Exists(held)), OF_SLOT):
        for each in page:
            yield Row(
                practice=organisation.ods_code,
                kind=SLOT,
                pk=each["pk"],
                slots=[each["pk"]],
                session=each["schedule_id"],
                start=each["start"],
                end=each["end"],
                bookable=each["status"] not in BLOCKED,
                gp_connect_bookable=each["gp_connect_bookable"],
                slot_type=each["slot_type"],
                channel=each["delivery_channel"],
                mapping=mappings.on(each["slot_type"], clock.today(each["start"])),
                status=each["status"],
                clinician=each["schedule__session_holder__sds_user_id"] or "",
                role=each["schedule__practitioner_role"],
                location=each["schedule__location__name"],
            )


# ---------------------------------------------------------------- those that were made


def monday_of(day: date) -> date:
    """The day on which the week of a day begins."""
    return day - timedelta(days=day.weekday())


def last_whole_week(today: date) -> date:
    """The Monday of the last week that is over."""
    return monday_of(today) - timedelta(days=7)


def returns_made(*, organisation: Organisation) -> QuerySet[WeeklyReturn]:
    """The returns of a practice, the latest week first, and of a week its last correction."""
    return WeeklyReturn.objects.filter(organisation=organisation).order_by("-first_day", "-number")


def last_return(*, organisation: Organisation, first_day: date) -> WeeklyReturn | None:
    """The return of a week as it was made last; None: none was made."""
    return returns_made(organisation=organisation).filter(first_day=first_day).first()


def return_of(*, organisation: Organisation, pk: int) -> WeeklyReturn | None:
    """A return of the practice; None: there is none."""
    return returns_made(organisation=organisation).filter(pk=pk).first()


def name_of(made: WeeklyReturn) -> str:
    """How a return is called: A00001-2026-11-16, and of a correction A00001-2026-11-16-2."""
    again = f"-{made.number}" if made.number > 1 else ""
    return f"{made.organisation.ods_code}-{made.first_day}{again}"
