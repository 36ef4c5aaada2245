"""The rule as a query, made anew or prepared, as a list of reasons and under a booking's lock.

All four say one and the same; so do both forms of each entry of the table, and whoever asks whether
a slot can ever be offered.

Hypothesis makes small practices: sessions, profiles, limits, bookings and switches at random, with
starts that lie exactly at some limit, a second beside it, or around a clock change.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from practice import clock
from practice.exceptions import NotOffered, SlotNotFree
from practice.models import AccessProfile, Appointment, AppointmentSlot, Organisation, Slot
from practice.reads import bookability, never_offered, offered_slots, profile_limits
from practice.reads.bookability import RULE_OF, RULES, Reason
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import BookingParty
from practice.services.appointments.booking import check_offered
from workbench.factories import (
    make_access_profile,
    make_consumer_group,
    make_location,
    make_organisation,
    make_patient,
    make_schedule,
    make_slot,
)

# The same examples in every run, whatever the machine: see Hypothesis, "Reproducing failures".
STABLE = settings(max_examples=100, derandomize=True, deadline=None, database=None)

# On ordinary days, in the hour that comes twice and around the one that does not exist; with and
# without a fraction of a second, since slots start on whole ones.
NOWS = [
    datetime(2026, 6, 10, 11, 0, tzinfo=UTC),
    datetime(2026, 10, 23, 9, 15, 30, 500_000, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2027, 3, 26, 2, 0, tzinfo=UTC),
    datetime(2027, 3, 27, 23, 45, 0, 999_999, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 0, tzinfo=UTC),
]
CLOCK_CHANGES = [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2027, 3, 28, 1, tzinfo=UTC)]

DAYS = [0, 1, 2]
MINUTES = [0, 90, 1500]
FOR_EVER = 99_999_999  # minutes: what somebody types who means "never"
LIMITS = [
    {name: value}
    for name, values in (
        ("booking_window_days", DAYS),
        ("embargo_minutes", [*MINUTES, FOR_EVER]),
        ("minimum_notice_minutes", [*MINUTES, FOR_EVER]),
    )
    for value in values
]
SHARES = [
    {f"slots_per_{period}": number} for period in ("session", "day", "week") for number in (1, 2)
]
RESTRICTIONS = [
    {"organisation_types": ["urgent-care"]},
    {"ods_codes": ["B11111", "B22222"]},
    {"organisation_types": ["urgent-care", "gp-practice"], "ods_codes": ["B11111"]},
    # A group that anybody joins or leaves so many days from the moment at which it is asked.
    {"group": {"B11111": (None, -1), "X99999": (0, None)}},
    {"group": {"B22222": (0, 0), "X99999": (1, None)}, "ods_codes": ["B11111"]},
    {"group": {}},
]


def mostly(usual, *others, one_in):
    """Usually the first value; one of the others once in so many draws, as the average has it."""
    return st.sampled_from([usual] * (len(others) * (one_in - 1)) + list(others))


def edge(now: datetime, limit: dict[str, int]) -> datetime:
    """The start that lies exactly at a limit, on a whole second as slots do."""
    [(name, value)] = limit.items()
    if value == FOR_EVER:
        return edge(now, {name: MINUTES[-1]})
    if name != "booking_window_days":
        return now.replace(microsecond=0) + timedelta(minutes=value)
    wall = clock.local(now).replace(tzinfo=None, microsecond=0) + timedelta(days=value)
    return clock.instant(wall.date(), wall.time())


def beside(start: datetime):
    return st.sampled_from([start + timedelta(seconds=seconds) for seconds in (0, -1, 1, 2)])


def starts(now: datetime):
    """Starts beside every limit, in the past, and around the next clock change."""
    edges = {edge(now, limit) for limit in LIMITS}
    changes = {
        change + timedelta(minutes=minutes)
        for change in CLOCK_CHANGES
        if abs(change - now) < timedelta(days=8)
        for minutes in (-60, -30, 0, 30, 60)
    }
    past = {now.replace(microsecond=0) - timedelta(hours=hours) for hours in (2, 30, 24 * 9)}
    return st.sampled_from(sorted(edges | changes | past)).flatmap(beside)


PROFILES = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    mostly({}, *RESTRICTIONS, one_in=4),
    mostly({}, *SHARES, one_in=2),
)
PRACTICES = st.builds(
    lambda switches, limit: {**switches, **limit},
    st.fixed_dictionaries(
        {
            "gp_connect_enabled": mostly(True, False, one_in=10),
            "appointment_management_enabled": mostly(True, False, one_in=10),
        }
    ),
    mostly({}, *LIMITS, one_in=2),
)
REQUESTERS = st.builds(
    BookingParty,
    ods_codes=st.sampled_from([[], ["B11111"], ["X99999"], ["X99999", "B22222"]]).map(frozenset),
    organisation_types=st.sampled_from([[], ["urgent-care"], ["unknown"]]).map(frozenset),
)
PREPARED = OfferedRows(lambda found: found.order_by("pk").values_list("pk"))
# Which of the two profiles, or none.
PROFILE_NUMBERS = st.sampled_from([None, 0, 1])


@st.composite
def schedules(draw, now: datetime):
    """A session on one of a few days: today, tomorrow, the week's Sunday, the next one's Monday."""
    to_sunday = 6 - clock.today(now).weekday()
    return {
        "start": now + timedelta(days=draw(st.sampled_from([0, 1, to_sunday, to_sunday + 1]))),
        "practitioner_role": draw(mostly("R0260", "", "R9999", one_in=4)),
        "has_address": draw(mostly(True, False, one_in=10)),
        "withdrawn": draw(mostly(False, True, one_in=10)),
        "access_profile": draw(PROFILE_NUMBERS),
        **draw(mostly({}, *LIMITS, one_in=4)),
    }


@st.composite
def slots(draw, now: datetime, number_of_schedules: int):
    """A slot; one with a limit of its own starts beside it."""
    limit = draw(mostly({}, *LIMITS, one_in=2))
    return {
        "schedule": draw(st.integers(0, number_of_schedules - 1)),
        "start": draw(beside(edge(now, limit)) if limit else starts(now)),
        "status": draw(mostly(*Slot.Status.values, one_in=20)),
        "gp_connect_bookable": draw(mostly(True, False, one_in=20)),
        "withdrawn": draw(mostly(False, True, one_in=20)),
        "delivery_channel": draw(mostly("Telephone", "", one_in=30)),
        "slot_type": draw(mostly("Routine", "", " ", one_in=30)),
        "overbooked": draw(mostly(False, True, one_in=30)),
        "access_profile": draw(PROFILE_NUMBERS),
        "booking": draw(st.sampled_from([None, None, None, "live", "released"])),
        **limit,
    }


@st.composite
def worlds(draw):
    """A moment, who asks then, and what a practice has in its book, as arguments for factories."""
    now = draw(st.sampled_from(NOWS))
    sessions = draw(st.lists(schedules(now), min_size=2, max_size=4))
    return {
        "now": now,
        "requester": draw(REQUESTERS),
        "practice": draw(PRACTICES),
        "profiles": [draw(PROFILES), draw(PROFILES)],
        "schedules": sessions,
        "slots": draw(
            st.lists(
                slots(now, len(sessions)),
                min_size=15,
                max_size=30,
                unique_by=lambda slot: (slot["schedule"], slot["start"]),
            )
        ),
    }


def store(world) -> Organisation:
    """Write a world to the database, kept to what the database itself demands."""
    organisation = make_organisation(**world["practice"])
    places = {True: make_location(organisation), False: make_location(organisation, postal_code="")}
    profiles = [
        make_access_profile(organisation, **with_group(fields, clock.today(world["now"])))
        for fields in world["profiles"]
    ]
    numbered: dict[int | None, Any] = {None: None, **dict(enumerate(profiles))}
    sessions = [
        make_schedule(
            organisation,
            **{**fields, "access_profile": numbered[fields["access_profile"]]},
            session_holder=None,
            location=places[has_address],
        )
        for fields, has_address in (split(fields) for fields in world["schedules"])
    ]
    bookings = [fields["booking"] for fields in world["slots"]]
    rows = Slot.objects.bulk_create(
        as_slot(fields, sessions[fields["schedule"]], numbered[fields["access_profile"]])
        for fields in world["slots"]
    )
    store_bookings(organisation, [pair for pair in zip(rows, bookings, strict=True) if pair[1]])
    return organisation


def with_group(fields, today: date) -> dict[str, Any]:
    """The fields of a profile, with a group of its own if it names one."""
    fields = dict(fields)
    members = fields.pop("group", None)
    if members is not None:
        written: dict[str, Any] = {
            code: tuple("" if days is None else str(today + timedelta(days=days)) for days in span)
            for code, span in members.items()
        }
        fields["consumer_group"] = make_consumer_group("", **written)
    return fields


def split(fields) -> tuple[dict[str, Any], bool]:
    """The fields of a session, and whether its place has an address."""
    return {k: v for k, v in fields.items() if k != "has_address"}, fields["has_address"]


def as_slot(fields, schedule, profile) -> Slot:
    fields = {**fields, "schedule": schedule, "access_profile": profile}
    if fields.pop("booking") == "live":
        fields |= {"status": Slot.Status.BUSY}
    if fields["status"] == Slot.Status.BUSY:
        fields |= {"withdrawn": False}
    if "" in (fields["delivery_channel"], fields["slot_type"]) or fields["overbooked"]:
        fields |= {"gp_connect_bookable": False}
    return Slot(
        organisation=schedule.organisation,
        end=fields["start"] + timedelta(minutes=10),
        **fields,
    )


def store_bookings(organisation, taken) -> None:
    """One appointment for each slot; each counts against the profile that was the slot's."""
    patient = make_patient(organisation)
    appointments = Appointment.objects.bulk_create(
        Appointment(
            organisation=organisation,
            patient=patient,
            schedule=slot.schedule,
            location=slot.schedule.location,
            start=slot.start,
            end=slot.end,
            description="Cough",
            created=slot.start,
            access_profile=bookability.effective_profile(slot),
        )
        for slot, _ in taken
    )
    AppointmentSlot.objects.bulk_create(
        AppointmentSlot(appointment=appointment, slot=slot, released=booking == "released")
        for appointment, (slot, booking) in zip(appointments, taken, strict=True)
    )


def is_accepted(slot, **asked) -> bool:
    """Whether a booking of the slot alone passes the rule."""
    try:
        check_offered([slot], **asked)
    except (NotOffered, SlotNotFree):
        return False
    return True


# ---------------------------------------------------------------- what must agree

SHARED_CLAUSE = {Reason.OTHER_TYPES, Reason.OTHER_CODES}  # one list of profiles in the query


def check_both_forms(rules, everything, reasons, *, organisation, requester, now):
    """Each entry of the table says the same of a slot and as a query."""
    question = offered_slots.OfferQuery.of(organisation, requester, now)
    # A search counts under the profiles that admit the requester, and no others.
    profiles = list(AccessProfile.objects.filter(organisation=organisation))
    values = {**question.values, "has_room": profile_limits.has_room(profiles, now)}
    for rule in rules:
        alike = SHARED_CLAUSE if rule.reason in SHARED_CLAUSE else {rule.reason}
        mine = Slot.objects.filter(organisation=organisation)
        found = bookability.with_limits(mine, values, question.offsets).filter(rule.clear(values))
        assert set(found) == {s for s in everything if reasons[s].isdisjoint(alike)}, rule.reason


def check_never(everything, reasons, *, organisation, requester, now):
    """Forms, worklist and check_diary take from the table what can never be offered."""
    lasting = {
        slot: {
            each.reason for each in bookability.why_never_offered(slot, organisation=organisation)
        }
        for slot in everything
    }
    for slot, found in lasting.items():
        assert found == reasons[slot] & NEVER
        # What staff alone go by does not keep others from booking.
        if hindering := found - STAFF_ONLY:
            shifts = clock.local(slot.start).utcoffset() != clock.local(now).utcoffset()
            if not (shifts and hindering == {Reason.WINDOW_BELOW_NOTICE}):
                assert not is_accepted(
                    slot, organisation=organisation, requester=requester, now=now
                ), hindering
    for switches, counted in ((False, NEVER), (True, NEVER | SWITCHES)):
        sessions: dict[int, list[set[Reason]]] = {}
        for slot in everything:
            in_diary = not slot.withdrawn and not slot.schedule.withdrawn
            if in_diary and slot.status == "free" and slot.gp_connect_bookable and slot.start > now:
                sessions.setdefault(slot.schedule_id, []).append(reasons[slot] & counted)
        listed = never_offered.never_offered_sessions(
            now=now, organisation=organisation, switches=switches
        )
        assert {each.schedule: set(each.reasons) for each in listed} == {
            pk: set.union(*found) for pk, found in sessions.items() if all(found)
        }


# The API offers such slots all the same: the table says why.
STAFF_ONLY = {Reason.NO_ADDRESS, Reason.FOREIGN_ROLE, Reason.NO_TYPE}
NEVER = {rule.reason for rule in bookability.NEVER}
SWITCHES = {rule.reason for rule in bookability.SWITCHES}


@pytest.mark.req("AVAIL-041", "AVAIL-042", "AVAIL-070", "AVAIL-072", "SLOT-058", "SLOT-060")
@pytest.mark.django_db
def test_query_reasons_and_booking_agree_on_any_practice():
    """Whatever a search shows can be booked unless it is past, and it shows all that can be."""
    seen: set[Reason] = set()
    offered_now = []

    @STABLE
    @given(worlds())
    def agree(world):
        with transaction.atomic():
            asked = {"requester": world["requester"], "now": world["now"]}
            make_slot(make_schedule(make_organisation(), start=world["now"]))
            asked["organisation"] = store(world)
            everything = (
                Slot.objects.filter(organisation=asked["organisation"])
                .select_related("schedule__access_profile", "schedule__location", "access_profile")
                .order_by("pk")
            )
            taken = profile_limits.usage(AccessProfile.objects.all(), world["now"])
            reasons = {
                slot: {
                    each.reason for each in bookability.why_not_offered(slot, **asked, taken=taken)
                }
                for slot in everything
            }
            refused = {
                slot: {each.reason for each in bookability.refusals(slot, **asked, taken=taken)}
                for slot in everything
            }

            offered = list(offered_slots.offered(**asked).order_by("pk"))
            prepared = PREPARED.rows(**asked)

            assert offered == [slot for slot, found in refused.items() if found <= {Reason.IN_PAST}]
            assert list(prepared) == [(slot.pk,) for slot in offered]
            for slot, found in refused.items():
                assert is_accepted(slot, **asked) == (not found), found
                assert found == {r for r in reasons[slot] if RULE_OF[r].on_booking}
            check_both_forms(RULES, everything, reasons, **asked)
            check_never(everything, reasons, **asked)
            seen.update(*reasons.values())
            offered_now.append(len(offered))
            transaction.set_rollback(True)

    agree()

    assert seen == set(Reason), "the practices made at random miss a reason"
    assert sum(offered_now) > len(offered_now), "too few slots are offered to show anything"
