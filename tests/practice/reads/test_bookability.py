"""May this slot be offered to that organisation now? Each sentence of the rule, by itself.

``reasons`` asks every form of the rule, so that each test here also holds them to each other.
"""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from practice import clock
from practice.exceptions import NotOffered, SlotsNotAdjacent
from practice.models import AccessProfile, Slot
from practice.reads import bookability, offered_slots, profile_limits
from practice.reads.bookability import RULES, Reason, Refusal
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import ANYBODY, BookingParty
from practice.services.appointments.changing import cancel_appointment
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_booking_organisation,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)  # a Wednesday, noon in London
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)


PREPARED = OfferedRows(lambda found: found.values_list("pk"))


def refusals(slot, *, requester=ANYBODY, now=NOW, wanted=1) -> list[Refusal]:
    """Every reason against a slot as it is stored now; the search must come to the same."""
    related = ("organisation", "schedule", "access_profile", "schedule__access_profile")
    slot = Slot.objects.select_related(*related).get(pk=slot.pk)
    asked = {"organisation": slot.organisation, "requester": requester, "now": now}
    taken = profile_limits.usage(AccessProfile.objects.all(), now)

    found = bookability.refusals(slot, **asked, taken=taken, wanted=wanted)

    if wanted == 1:
        is_offered = offered_slots.offered(**asked).filter(pk=slot.pk).exists()
        assert is_offered == ({each.reason for each in found} <= {Reason.IN_PAST})
        assert is_offered == ((slot.pk,) in PREPARED.rows(**asked))
    return found


def reasons(slot, **asked) -> list[Reason]:
    return [refusal.reason for refusal in refusals(slot, **asked)]


def slot_at(start, *, session=None, **fields) -> Slot:
    """A slot at a moment, in a session of its own with the fields ``session``."""
    return make_slot(make_schedule(start=start, **(session or {})), start=start, **fields)


# ---------------------------------------------------------------- the matching table

TYPE, OTHER_TYPE = "urgent-care", "gp-practice"
CODE, OTHER_CODE = "B11111", "C22222"


def sent(*, types=(), codes=()) -> BookingParty:
    return BookingParty(ods_codes=frozenset(codes), organisation_types=frozenset(types))


SENT = {
    "nothing sent": ANYBODY,
    "type sent, match": sent(types=[TYPE]),
    "type sent, no match": sent(types=[OTHER_TYPE]),
    "code sent, match": sent(codes=[CODE]),
    "code sent, no match": sent(codes=[OTHER_CODE]),
    "both, both match": sent(types=[TYPE], codes=[CODE]),
    "both, only type matches": sent(types=[TYPE], codes=[OTHER_CODE]),
    "both, only code matches": sent(types=[OTHER_TYPE], codes=[CODE]),
}
RESTRICTIONS = {
    "none": {},
    "type only": {"organisation_types": [TYPE]},
    "code(s) only": {"ods_codes": [CODE, "D33333"]},
    "type and code(s)": {"organisation_types": [TYPE], "ods_codes": [CODE, "D33333"]},
}
# "Truth table of the matching rules" of the requirements; the columns are SENT's, in that order.
TRUTH_TABLE = {
    "none": ("yes", "yes", "yes", "yes", "yes", "yes", "yes", "yes"),
    "type only": ("no", "yes", "no", "no", "no", "yes", "yes", "no"),
    "code(s) only": ("no", "no", "no", "yes", "no", "yes", "no", "yes"),
    "type and code(s)": ("no", "no", "no", "no", "no", "yes", "no", "no"),
}
CELLS = [
    pytest.param(restriction, column, answer == "yes", id=f"{restriction}-{column}")
    for restriction, answers in TRUTH_TABLE.items()
    for column, answer in zip(SENT, answers, strict=True)
]


@pytest.mark.req("AVAIL-003", "AVAIL-004", "AVAIL-005", "SLOT-059")
@pytest.mark.req("AVAIL-020", "AVAIL-021", "AVAIL-022", "AVAIL-023", "AVAIL-024")
@pytest.mark.parametrize("level", ["slot", "session"])
@pytest.mark.parametrize(("restriction", "column", "is_admitted"), CELLS)
def test_each_cell_of_the_truth_table(restriction, column, is_admitted, level):
    profile = make_access_profile(**RESTRICTIONS[restriction])
    if level == "slot":
        slot = slot_at(NOW + HOUR, access_profile=profile)
    else:
        slot = slot_at(NOW + HOUR, session={"access_profile": profile})

    found = reasons(slot, requester=SENT[column])

    assert (found == []) == is_admitted
    assert set(found) <= {Reason.OTHER_TYPES, Reason.OTHER_CODES}


@pytest.mark.req("AVAIL-025")
def test_an_unknown_type_matches_no_restriction_and_still_sees_what_is_open():
    reserved = slot_at(NOW + HOUR, access_profile=make_access_profile(organisation_types=[TYPE]))
    by_code = slot_at(NOW + HOUR, access_profile=make_access_profile(ods_codes=[CODE]))
    unrestricted = slot_at(NOW + HOUR)
    requester = sent(types=["hospital"])

    assert reasons(reserved, requester=requester) == [Reason.OTHER_TYPES]
    assert reasons(by_code, requester=requester) == [Reason.OTHER_CODES]
    assert reasons(unrestricted, requester=requester) == []


@pytest.mark.req("AVAIL-026")
@pytest.mark.parametrize(
    ("requester", "expected"),
    [
        (sent(types=[TYPE], codes=[CODE]), []),
        (sent(types=[TYPE], codes=[CODE.lower()]), [Reason.OTHER_CODES]),
        (sent(types=[TYPE], codes=[f"{CODE} "]), [Reason.OTHER_CODES]),
        (sent(types=[TYPE], codes=[CODE[:-1]]), [Reason.OTHER_CODES]),
        (sent(types=[TYPE.upper()], codes=[CODE]), [Reason.OTHER_TYPES]),
        (sent(types=["urgent"], codes=[CODE]), [Reason.OTHER_TYPES]),
    ],
    ids=["exact", "lower-case-code", "code-and-space", "part-of-code", "upper-case-type", "part"],
)
def test_codes_and_types_are_compared_exactly(requester, expected):
    profile = make_access_profile(organisation_types=[TYPE], ods_codes=[CODE])

    assert reasons(slot_at(NOW + HOUR, access_profile=profile), requester=requester) == expected


@pytest.mark.req("AVAIL-027")
def test_of_several_codes_and_types_sent_any_one_may_match():
    profile = make_access_profile(organisation_types=[TYPE], ods_codes=[CODE])
    slot = slot_at(NOW + HOUR, access_profile=profile)

    assert reasons(slot, requester=sent(types=[OTHER_TYPE, TYPE], codes=[OTHER_CODE, CODE])) == []


@pytest.mark.req("AVAIL-010")
@pytest.mark.parametrize(
    ("session", "own", "expected"),
    [
        (RESTRICTIONS["type only"], None, [Reason.OTHER_TYPES]),
        (RESTRICTIONS["type only"], {}, []),
        (RESTRICTIONS["type only"], RESTRICTIONS["code(s) only"], [Reason.OTHER_CODES]),
        (None, RESTRICTIONS["code(s) only"], [Reason.OTHER_CODES]),
        (None, None, []),
    ],
    ids=["session's", "opened-for-all", "replaced-by-another", "slot's", "neither"],
)
def test_a_slot_s_own_profile_replaces_its_session_s(session, own, expected):
    profiles = [None if each is None else make_access_profile(**each) for each in (session, own)]
    slot = slot_at(NOW + HOUR, session={"access_profile": profiles[0]}, access_profile=profiles[1])

    assert reasons(slot) == expected


@pytest.mark.req("AVAIL-011")
def test_a_change_of_a_named_list_takes_effect_at_once_wherever_it_is_set():
    profile = make_access_profile(ods_codes=[CODE])
    on_slot = slot_at(NOW + HOUR, access_profile=profile)
    on_session = slot_at(NOW + HOUR, session={"access_profile": profile})
    before = [reasons(slot, requester=sent(codes=[OTHER_CODE])) for slot in (on_slot, on_session)]

    profile.ods_codes = [CODE, OTHER_CODE]
    profile.save()

    after = [reasons(slot, requester=sent(codes=[OTHER_CODE])) for slot in (on_slot, on_session)]
    assert before == [[Reason.OTHER_CODES]] * 2
    assert after == [[], []]


@pytest.mark.req("AVAIL-012")
def test_urgent_care_slots_are_kept_from_everybody_else():
    slot = slot_at(NOW + HOUR, access_profile=make_access_profile(organisation_types=[TYPE]))

    assert reasons(slot, requester=sent(types=["urgent-care"], codes=[CODE])) == []
    assert reasons(slot, requester=sent(types=["gp-practice"], codes=[CODE])) == [
        Reason.OTHER_TYPES
    ]


# ---------------------------------------------------------------- window, embargo, notice

LEVELS = ["slot", "session", "practice"]
# A setting, and the start that lies exactly at it; the step leads out of it.
LIMITS = {
    "booking_window_days": (2, 2 * DAY, SECOND, Reason.BEFORE_WINDOW),
    "embargo_minutes": (90, 1.5 * HOUR, SECOND, Reason.EMBARGOED),
    "minimum_notice_minutes": (60, HOUR, -SECOND, Reason.TOO_LATE),
}


def slot_with(settings, *, start) -> Slot:
    """A slot with settings by level: ``{"session": {"embargo_minutes": 90}}``."""
    organisation = make_organisation(**settings.get("practice", {}))
    schedule = make_schedule(organisation, start=start, **settings.get("session", {}))
    return make_slot(schedule, start=start, **settings.get("slot", {}))


@pytest.mark.req("AVAIL-040", "AVAIL-041", "AVAIL-043", "AVAIL-044", "SLOT-058")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", LIMITS)
def test_a_slot_exactly_at_a_limit_is_inside_it_and_a_second_beyond_it_is_not(name, level):
    value, distance, step, reason = LIMITS[name]
    settings = {level: {name: value}}
    inside = slot_with(settings, start=NOW + distance - step)
    at_limit = slot_with(settings, start=NOW + distance)
    beyond = slot_with(settings, start=NOW + distance + step)

    found = [reasons(slot) for slot in (inside, at_limit, beyond)]

    assert found == [[], [], [reason]]


@pytest.mark.req("AVAIL-044")
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, [[], [], []]),
        (NOW + timedelta(microseconds=1), [[], [], [Reason.TOO_LATE]]),
        (
            NOW - timedelta(microseconds=1),
            [[Reason.BEFORE_WINDOW], [Reason.EMBARGOED], []],
        ),
    ],
    ids=["on-the-second", "just-after", "just-before"],
)
def test_the_limits_are_compared_with_the_very_instant_of_the_request(now, expected):
    slots = [
        slot_with({"slot": {name: value}}, start=NOW + distance)
        for name, (value, distance, _, _) in LIMITS.items()
    ]

    assert [reasons(slot, now=now) for slot in slots] == expected


@pytest.mark.req("AVAIL-043")
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("strict", "lax"), [("practice", "session"), ("practice", "slot"), ("session", "slot")]
)
def test_the_nearer_setting_counts_whether_it_opens_or_closes(name, strict, lax):
    value, distance, step, reason = LIMITS[name]
    looser = value + 30 if step > timedelta() else value - 30
    beyond = NOW + distance + step
    opened = slot_with({strict: {name: value}, lax: {name: looser}}, start=beyond)
    closed = slot_with({strict: {name: looser}, lax: {name: value}}, start=beyond)

    assert reasons(opened) == []
    assert reasons(closed) == [reason]


@pytest.mark.req("AVAIL-043")
def test_zero_is_a_setting_and_not_the_absence_of_one():
    last_minute = slot_with(
        {"practice": {"minimum_notice_minutes": 60}, "slot": {"minimum_notice_minutes": 0}},
        start=NOW + SECOND,
    )
    at_once = slot_with(
        {"practice": {"embargo_minutes": 90}, "session": {"embargo_minutes": 0}},
        start=NOW + 2 * DAY,
    )
    embargoed = slot_with(
        {"session": {"embargo_minutes": 0}, "slot": {"embargo_minutes": 90}}, start=NOW + 2 * DAY
    )

    assert reasons(last_minute) == []
    assert reasons(at_once) == [], "0 minutes: no embargo, whatever the practice says"
    assert reasons(embargoed) == [Reason.EMBARGOED]


@pytest.mark.req("AVAIL-043", "AVAIL-044", "GEN-131")
@pytest.mark.parametrize(
    "now",
    [
        pytest.param("2026-06-10T00:00:00+01:00", id="at midnight in London"),
        pytest.param("2026-06-10T23:30:00.5+01:00", id="before midnight in London"),
        pytest.param("2026-10-25T01:30:00+00:00", id="on the longest day"),
        pytest.param("2027-03-28T00:30:00+00:00", id="on the shortest day"),
    ],
)
def test_a_window_of_no_days_is_the_day_itself(now):
    now = datetime.fromisoformat(now).astimezone(UTC)
    midnight = clock.day_end(clock.today(now))
    settings = {"practice": {"booking_window_days": 0}}
    last, next_day = (slot_with(settings, start=start) for start in (midnight - SECOND, midnight))

    assert reasons(last, now=now) == []
    assert reasons(next_day, now=now) == [Reason.BEFORE_WINDOW]


def test_zero_leaves_moments_at_which_a_slot_can_be_booked():
    """Nobody is told of such a slot that it can never be offered."""
    settings = {"embargo_minutes": 0, "booking_window_days": 0, "minimum_notice_minutes": 60}
    slot = slot_with({"slot": settings}, start=NOW + 2 * HOUR)
    too_long = slot_with({"slot": {**settings, "minimum_notice_minutes": 1440}}, start=NOW + DAY)

    assert bookability.why_never_offered(slot, organisation=slot.organisation) == []
    assert reasons(slot) == []
    assert [
        each.reason
        for each in bookability.why_never_offered(too_long, organisation=too_long.organisation)
    ] == [Reason.WINDOW_BELOW_NOTICE]


@pytest.mark.req("AVAIL-043")
def test_the_limits_are_independent_and_optional():
    both = {"booking_window_days": 2, "minimum_notice_minutes": 60}
    starts = {"soon": NOW + HOUR / 2, "between": NOW + DAY, "far": NOW + 3 * DAY}

    found = {name: reasons(slot_with({"slot": both}, start=at)) for name, at in starts.items()}
    free = [reasons(slot_with({}, start=at)) for at in (NOW + SECOND, NOW + 700 * DAY)]

    assert found == {"soon": [Reason.TOO_LATE], "between": [], "far": [Reason.BEFORE_WINDOW]}
    assert free == [[], []]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("minimum_notice_minutes", Reason.TOO_LATE), ("embargo_minutes", None)],
)
def test_a_number_of_minutes_that_means_never_is_no_error(name, reason):
    """99,999,999 minutes are more seconds than PostgreSQL's integer holds."""
    slot = slot_with({"practice": {name: 99_999_999}}, start=NOW + DAY)

    assert reasons(slot) == ([reason] if reason else [])


@pytest.mark.req("AVAIL-043", "AVAIL-044", "GEN-131")
@pytest.mark.parametrize(
    ("now", "at_limit"),
    [
        ("2026-10-20T10:00:00+01:00", "2026-11-03T10:00:00+00:00"),
        ("2026-10-11T01:30:00+01:00", "2026-10-25T01:30:00+01:00"),
        ("2027-03-20T10:00:00+00:00", "2027-04-03T10:00:00+01:00"),
        ("2027-03-14T00:59:00+00:00", "2027-03-28T00:59:00+00:00"),
    ],
    ids=["across-october", "to-the-repeated-hour", "across-march", "to-the-last-winter-minute"],
)
def test_a_window_of_days_ends_at_the_same_time_of_day_across_a_clock_change(now, at_limit):
    now, at_limit = (datetime.fromisoformat(text).astimezone(UTC) for text in (now, at_limit))
    inside = slot_with({"practice": {"booking_window_days": 14}}, start=at_limit)
    beyond = slot_with({"practice": {"booking_window_days": 14}}, start=at_limit + SECOND)

    assert reasons(inside, now=now) == []
    assert reasons(beyond, now=now) == [Reason.BEFORE_WINDOW]


@pytest.mark.req("AVAIL-043", "AVAIL-044")
@pytest.mark.parametrize(
    "now", ["2026-10-25T01:30:00+01:00", "2027-03-28T00:30:00+00:00"], ids=["october", "march"]
)
def test_minutes_are_minutes_that_pass_also_while_the_clock_changes(now):
    """From 01:30 to the second 01:30 is an hour; so is from 00:30 to 02:30 in March."""
    now = datetime.fromisoformat(now).astimezone(UTC)
    settings = {"slot": {"embargo_minutes": 60, "minimum_notice_minutes": 60}}
    starts = [now + HOUR - SECOND, now + HOUR, now + HOUR + SECOND]

    found = [reasons(slot_with(settings, start=start), now=now) for start in starts]

    assert found == [[Reason.TOO_LATE], [], [Reason.EMBARGOED]]


@pytest.mark.req("SLOT-010")
@pytest.mark.parametrize(
    ("start", "expected"),
    [(NOW - DAY, [Reason.IN_PAST]), (NOW, [Reason.IN_PAST]), (NOW + SECOND, [])],
    ids=["yesterday", "this-instant", "next-second"],
)
def test_a_slot_that_has_begun_is_shown_and_cannot_be_booked(start, expected):
    assert reasons(slot_at(start)) == expected


# ---------------------------------------------------------------- how many

PERIODS = ["session", "day", "week"]


def book(*slots, **fields):
    for slot in slots:
        make_appointment([slot], now=NOW, **fields)


@pytest.mark.req("AVAIL-006", "AVAIL-007", "AVAIL-073", "SLOT-060")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slots_per_session", "in this session"),
        ("slots_per_day", "on this day"),
        ("slots_per_week", "in this week"),
    ],
    ids=PERIODS,
)
def test_a_used_up_limit_is_refused_with_its_numbers(name, words):
    schedule = make_schedule(start=NOW + DAY, access_profile=make_access_profile(**{name: 2}))
    first, second, third = make_slots(3, schedule)
    book(first)
    before = refusals(third)

    book(second)

    assert before == []
    assert refusals(third) == [Refusal(Reason.LIMIT_USED_UP, f"2 of 2 {words}")]
    with pytest.raises(NotOffered):
        book(third)


@pytest.mark.req("AVAIL-006", "AVAIL-007")
@pytest.mark.parametrize(
    ("name", "reached", "not_reached"),
    [
        ("slots_per_session", ["same session"], ["same day", "same week", "next week"]),
        ("slots_per_day", ["same session", "same day"], ["same week", "next week"]),
        ("slots_per_week", ["same session", "same day", "same week"], ["next week"]),
    ],
    ids=PERIODS,
)
def test_a_limit_reaches_as_far_as_its_session_its_day_or_its_week(name, reached, not_reached):
    """Booked is a Wednesday; the week ends with its Sunday."""
    profile = make_access_profile(**{name: 1})
    wednesday = make_schedule(start=NOW + 7 * DAY, access_profile=profile)
    sunday, monday = NOW + 11 * DAY, NOW + 12 * DAY
    slots = {
        "same session": make_slot(wednesday, start=NOW + 7 * DAY + HOUR),
        "same day": slot_at(NOW + 7 * DAY + 4 * HOUR, session={"access_profile": profile}),
        "same week": slot_at(sunday, session={"access_profile": profile}),
        "next week": slot_at(monday, session={"access_profile": profile}),
    }

    book(make_slot(wednesday, start=NOW + 7 * DAY))

    found = {name: reasons(slot) for name, slot in slots.items()}
    assert [found[name] for name in reached] == [[Reason.LIMIT_USED_UP]] * len(reached)
    assert [found[name] for name in not_reached] == [[]] * len(not_reached)


@pytest.mark.req("AVAIL-006", "AVAIL-007")
def test_a_day_is_a_london_day():
    """23:30 in London on the 10th and 00:30 on the 11th are one UTC date in summer."""
    profile = make_access_profile(slots_per_day=1)
    late = slot_at(datetime(2026, 6, 10, 22, 30, tzinfo=UTC), session={"access_profile": profile})
    early = slot_at(datetime(2026, 6, 10, 23, 30, tzinfo=UTC), session={"access_profile": profile})

    book(late)

    assert reasons(early) == []


@pytest.mark.req("AVAIL-007")
def test_a_cancelled_appointment_frees_its_share():
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=1)
    )
    first, second = make_slots(2, schedule)
    appointment = make_appointment([first], now=NOW)
    before = reasons(second)

    cancel_appointment(appointment=appointment, reason="Better", actor=make_actor(), now=NOW)

    assert before == [Reason.LIMIT_USED_UP]
    assert reasons(second) == []


@pytest.mark.req("AVAIL-006", "AVAIL-007")
def test_the_organisations_of_a_profile_share_its_limit():
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=2)
    )
    first, second, third = make_slots(3, schedule)

    book(first, booking_organisation=make_booking_organisation("B11111"))
    book(second, booking_organisation=make_booking_organisation("C22222"))

    for code in ("B11111", "C22222", "D33333"):
        assert reasons(third, requester=sent(codes=[code])) == [Reason.LIMIT_USED_UP]


@pytest.mark.req("AVAIL-006", "AVAIL-007")
def test_a_limit_touches_no_other_profile_and_no_slot_without_one():
    schedule = make_schedule(start=NOW + DAY)
    limited, other = (make_access_profile(slots_per_session=1) for _ in range(2))
    first, second = make_slots(2, schedule, access_profile=limited)
    of_another = make_slot(schedule, access_profile=other)
    of_none = make_slot(schedule)

    book(first)

    assert reasons(second) == [Reason.LIMIT_USED_UP]
    assert reasons(of_another) == []
    assert reasons(of_none) == []


@pytest.mark.req("AVAIL-007")
def test_what_staff_book_uses_up_nothing():
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=1)
    )
    first, second = make_slots(2, schedule)

    book(first, door="staff")

    assert reasons(second) == []


@pytest.mark.req("AVAIL-073")
def test_two_slots_at_once_need_two_left():
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=2)
    )
    slots = make_slots(3, schedule)
    none_taken = reasons(slots[1], wanted=2)

    book(slots[0])

    assert none_taken == []
    assert reasons(slots[1], wanted=1) == []
    assert reasons(slots[1], wanted=2) == [Reason.LIMIT_USED_UP]


# ---------------------------------------------------------------- every reason

SPOILT = [
    (Reason.GP_CONNECT_OFF, "practice", {"gp_connect_enabled": False}),
    (Reason.APPOINTMENTS_OFF, "practice", {"appointment_management_enabled": False}),
    (Reason.NOT_BOOKABLE, "slot", {"gp_connect_bookable": False}),
    (Reason.NO_ROLE, "session", {"practitioner_role": ""}),
    (Reason.SESSION_WITHDRAWN, "session", {"withdrawn": True}),
    (Reason.WITHDRAWN, "slot", {"withdrawn": True}),
    (Reason.NOT_FREE, "slot", {"status": "busy-unavailable"}),
    (Reason.BEFORE_WINDOW, "slot", {"booking_window_days": 0}),
    (Reason.EMBARGOED, "slot", {"embargo_minutes": 5}),
    (Reason.TOO_LATE, "slot", {"minimum_notice_minutes": 1500}),
]


@pytest.mark.req("AVAIL-001", "AVAIL-050", "AVAIL-072", "SLOT-051", "SLOT-057")
@pytest.mark.parametrize(
    ("reason", "level", "fields"), SPOILT, ids=[reason.name for reason, _, _ in SPOILT]
)
def test_each_reason_by_itself_hides_a_slot(reason, level, fields):
    """Those about the past, restrictions and limits have tests of their own above."""
    assert reasons(slot_with({level: fields}, start=NOW + HOUR * 24)) == [reason]


@pytest.mark.req("SLOT-051")
@pytest.mark.parametrize("status", [code for code in Slot.Status.values if code != "free"])
def test_only_a_free_slot_is_offered(status):
    slot = slot_at(NOW + HOUR, status=status)

    assert refusals(slot) == [Refusal(Reason.NOT_FREE, Slot.Status(status).label)]


@pytest.mark.req("AVAIL-051", "AVAIL-052")
def test_a_slot_without_a_delivery_channel_is_not_offered_and_cannot_be_stored_as_bookable():
    slot = make_slot(make_schedule(start=NOW + DAY))
    asked = {"organisation": slot.organisation, "requester": ANYBODY, "now": NOW}

    slot.delivery_channel = ""

    found = bookability.refusals(slot, **asked, taken=profile_limits.Usage())
    assert found == [Refusal(Reason.NO_CHANNEL)]
    refused = pytest.raises(IntegrityError, match="bookable_slot_has_channel_and_type")
    with refused, transaction.atomic():
        slot.save()


def test_all_reasons_are_given_at_once():
    """A practice manager mends a slot in one go, not reason by reason."""
    profile = make_access_profile(
        organisation_types=[TYPE], ods_codes=["B00001"], slots_per_session=1
    )
    schedule = make_schedule(start=NOW + DAY, access_profile=profile)
    book(make_slot(schedule))
    slot = make_slot(
        schedule,
        start=NOW - DAY,
        gp_connect_bookable=False,
        delivery_channel="",
        withdrawn=True,
        status="busy-tentative",
        minimum_notice_minutes=60,
    )
    type(schedule).objects.update(practitioner_role="", withdrawn=True)
    type(slot.organisation).objects.update(
        gp_connect_enabled=False, appointment_management_enabled=False
    )

    found = set(reasons(slot))

    refused_for = {rule.reason for rule in RULES if rule.on_booking}
    assert found == refused_for - {Reason.BEFORE_WINDOW, Reason.EMBARGOED}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"booking_window_days": 1}, "Not yet in its booking window (opens Sat 24 Oct 09:00)"),
        ({"embargo_minutes": 1440}, "Still under embargo (until Sat 24 Oct 10:00)"),
        ({"minimum_notice_minutes": 8640}, "Too close to its start (since Mon 19 Oct 10:00)"),
        ({"status": "busy-unavailable"}, "Not free (Blocked)"),
        ({"withdrawn": True}, "Withdrawn"),
    ],
    ids=["window", "embargo", "notice", "status", "plain"],
)
def test_a_refusal_says_in_london_time_since_or_until_when(fields, words):
    """A slot at 09:00 on the day of the clock change: a day ahead, and 24 hours ahead."""
    slot = slot_at(datetime(2026, 10, 25, 9, 0, tzinfo=UTC), **fields)

    [refusal] = refusals(slot, now=datetime(2026, 10, 20, 9, 0, tzinfo=UTC))

    assert str(refusal) == words


# ---------------------------------------------------------------- around the rule


@pytest.mark.req("AVAIL-042", "AVAIL-070", "AVAIL-071", "AVAIL-072")
@pytest.mark.parametrize(
    ("code", "types", "is_booked"),
    [
        ("B11111", ["urgent-care"], True),
        ("B11111", ["gp-practice", "urgent-care"], True),
        ("C22222", ["urgent-care"], False),
        ("B11111", ["gp-practice"], False),
        ("B11111", [], False),
    ],
)
def test_a_booking_is_held_to_the_code_and_type_of_its_booking_organisation(code, types, is_booked):
    profile = make_access_profile(organisation_types=["urgent-care"], ods_codes=["B11111"])
    slot = slot_at(NOW + HOUR, access_profile=profile)
    who = make_booking_organisation(code, organisation_types=types)

    try:
        make_appointment([slot], now=NOW, booking_organisation=who)
    except NotOffered:
        is_refused = True
    else:
        is_refused = False

    slot.refresh_from_db()
    assert is_refused != is_booked
    assert slot.status == ("busy" if is_booked else "free")


@pytest.mark.req("AVAIL-076")
@pytest.mark.parametrize(("gap", "is_booked"), [(timedelta(), True), (SECOND, False)])
def test_a_gap_keeps_two_slots_from_being_booked_as_one(gap, is_booked):
    schedule = make_schedule(start=NOW + DAY)
    first = make_slot(schedule)
    second = make_slot(schedule, start=first.end + gap)

    outcome = nullcontext() if is_booked else pytest.raises(SlotsNotAdjacent)

    with outcome:
        make_appointment([first, second], now=NOW)


@pytest.mark.req("AVAIL-060")
def test_no_session_is_without_a_place():
    schedule = make_schedule()
    schedule.location = None

    with pytest.raises(IntegrityError), transaction.atomic():
        schedule.save()


@pytest.mark.req("AVAIL-002")
def test_new_slots_are_not_bookable_until_somebody_says_so():
    assert Slot().gp_connect_bookable is False


def test_the_wall_distance_forgets_the_hour_of_a_clock_change():
    start = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)

    assert bookability.wall_distance(start - 25 * HOUR, start) == DAY
