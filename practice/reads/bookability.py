"""The one rule: may this slot be offered to that organisation now, and if not, every reason.

RULES below is all of it, one entry for each reason. Whoever wants to know asks that table:

- the search for free slots (practice.reads.offered_slots), by the query form;
- booking, under lock (``refusals``), and the staff's explainer (``why_not_offered``), by the row
  form;
- forms, pages of slots and templates (``why_never_offered``), the worklist and ``check_diary``
  (practice.reads.never_offered): can it ever be offered, and if not, why not.

To add a reason: a name with its words in Reason, and an entry with both forms in RULES, here; then
let the practices made at random in tests/practice/reads/test_bookability_agreement.py have it. That
test holds both forms of each entry to each other, and fails while no practice has the new reason.

Source: GP Connect, "Slot availability management" (the matching table, booking window, embargo) and
"Search for free slots". A slot in the past is still found by a search, but cannot be booked
(SLOT-010): IN_PAST is therefore a reason against booking only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, F, Model, Q, Value, When
from django.db.models.functions import Cast, Coalesce

from practice import clock, terminology
from practice.db.expressions import Epoch
from practice.db.prepared import QueryParameter
from practice.models import AccessProfile, Location, Organisation, Slot, SlotQuerySet
from practice.models.common import OFFER_LIMITS
from practice.reads.profile_limits import (
    ANYBODY,
    BookingParty,
    Usage,
    admits_code,
    admits_type,
    exhausted,
)


class Reason(StrEnum):
    """Why a slot is not offered, in words for a practice manager."""

    GP_CONNECT_OFF = "GP Connect is switched off"
    APPOINTMENTS_OFF = "GP Connect appointment management is switched off"
    NOT_BOOKABLE = "Not marked GP Connect bookable"
    NO_ROLE = "The session has no role"
    FOREIGN_ROLE = "The session's role is not in the national list"
    NO_CHANNEL = "The slot has no delivery channel"
    NO_TYPE = "The slot has no slot type"
    EXTRA = "An extra slot is never offered to other organisations"
    SESSION_WITHDRAWN = "The session does not take place"
    WITHDRAWN = "Withdrawn"
    IN_ERROR = "The slot was entered in error"
    NO_ADDRESS = "The location has no full address, which others are shown"
    WINDOW_BELOW_NOTICE = "The minimum notice is longer than the booking window"
    EMBARGO_BELOW_NOTICE = "The minimum notice is longer than the embargo"
    NOT_FREE = "Not free"
    IN_PAST = "In the past"
    BEFORE_WINDOW = "Not yet in its booking window"
    EMBARGOED = "Still under embargo"
    TOO_LATE = "Too close to its start"
    OTHER_TYPES = "Restricted to other organisation types"
    OTHER_CODES = "Restricted to other ODS codes"
    LIMIT_USED_UP = "The access profile's limit is used up"


class Until(Enum):
    """How long a reason holds."""

    PASSED = "Time passes, a booking is cancelled, or somebody else asks: it ends by itself."
    CHANGED = "Somebody changes the slot, its session or its place: till then it is never offered."
    MARKED = "Somebody marks the slot. Forms do not count it: they ask whether it may be marked."
    SWITCHED = "Somebody switches GP Connect on, for the whole practice. Forms do not count it."


@dataclass(frozen=True)
class Refusal:
    """One reason, and what makes it so: "3 of 3", the instant from which it no longer holds."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)

    @property
    def sentence(self) -> str:
        """The reason with what to do about it, for a form: "...: choose one first."."""
        advice = RULE_OF[self.reason].advice
        return f"{self}: {advice}." if advice else f"{self}."


class Asked(NamedTuple):
    """Who asks, when, for how many slots of one session, and what is taken already.

    ``day``: who is in which group is taken as it is on this day, not as it is now.
    """

    requester: BookingParty
    now: datetime
    taken: Usage
    wanted: int = 1
    day: date | None = None

    @property
    def day_of_groups(self) -> date:
        return self.day or clock.today(self.now)


# For the reasons that are the same whoever asks, and at whatever moment.
WHENEVER = Asked(ANYBODY, datetime(1970, 1, 1, tzinfo=UTC), Usage())


class Candidate(NamedTuple):
    """A slot in question, with what counts for it: its profile, and its limits in days, minutes."""

    slot: Slot
    organisation: Organisation
    asked: Asked
    profile: AccessProfile | None
    window: int | None
    embargo: int | None
    notice: int | None

    def used_up(self) -> str:
        """Which limit of the profile is used up: "3 of 3 in this session"."""
        schedule, asked = self.slot.schedule, self.asked
        return exhausted(
            self.profile,
            asked.taken,
            schedule_id=schedule.pk,
            day=schedule.date,
            wanted=asked.wanted,
        )

    def lead(self) -> timedelta:
        """How long before the slot's start the question is asked."""
        return self.slot.start - self.asked.now

    def limit_passed(self, word: str, minutes: int | None) -> str:
        """The instant that lies these minutes before the start, in words."""
        return _when(word, self.slot.start - timedelta(minutes=minutes or 0))

    def is_before_window(self, days: int) -> bool:
        """Whether the start lies more than these days ahead; 0: after today."""
        if not days:
            return clock.local(self.slot.start).date() > clock.today(self.asked.now)
        return wall_distance(self.asked.now, self.slot.start) > timedelta(days=days)

    def window_opens(self) -> str:
        opens = clock.local(self.slot.start) - timedelta(days=self.window or 0)
        if not self.window:
            opens = clock.local(clock.day_start(opens.date()))
        return f"opens {opens:%a %d %b %H:%M}"


def _when(word: str, moment: datetime) -> str:
    return f"{word} {clock.local(moment):%a %d %b %H:%M}"


# What the query forms are asked with: the practice's limits, profiles, and the time in seconds.
Values = Mapping[str, Any]


class Rule(NamedTuple):
    """An entry of the table: one reason, for one slot and as a query.

    ``holds`` says whether it speaks against a slot. ``clear`` is the same as a condition on a query
    of ``with_limits``, the other way round: what the slots fulfil against which it does not speak.
    It must be true or false for every slot, never NULL. ``in_search`` and ``on_booking``: whether
    the API's search leaves such slots out, and its booking refuses them. ``by_start``: whether it
    goes by when the slot begins; of the rest, slots that are alike have the same. ``mended_at`` is
    the record that is to be changed, ``advice`` how, for forms.
    """

    reason: Reason
    holds: Callable[[Candidate], bool]
    clear: Callable[[Values], Q]
    mended_at: Callable[[Slot], Model]
    until: Until = Until.PASSED
    in_search: bool = True
    on_booking: bool = True
    by_start: bool = False
    detail: Callable[[Candidate], str] = lambda of: ""
    advice: str = ""


# ---------------------------------------------------------------- what counts for a slot


def effective_limit(name: str, slot: Slot, organisation: Organisation) -> int | None:
    """Return the nearest of one of OFFER_LIMITS: the slot's, its session's, the practice's."""
    value: int | None = getattr(slot, name)
    if value is None:
        value = getattr(slot.schedule, name)
    return getattr(organisation, name) if value is None else value


def embargo_ends(slot: Slot, organisation: Organisation) -> datetime | None:
    """Return the instant from which a slot is no longer under embargo; None: it has no embargo."""
    minutes = effective_limit("embargo_minutes", slot, organisation)
    return slot.start - timedelta(minutes=minutes) if minutes else None


def effective_profile(slot: Any) -> AccessProfile | None:
    """Return the access profile that counts: the slot's own, or else its session's (AVAIL-010)."""
    found: AccessProfile | None = slot.access_profile or slot.schedule.access_profile
    return found


def wall_distance(now: datetime, start: datetime) -> timedelta:
    """Return how far ahead a start is by the clock on the wall.

    So that 14 days ahead is the same time of day on both sides of a clock change (AVAIL-043).
    """
    return clock.local(start).replace(tzinfo=None) - clock.local(now).replace(tzinfo=None)


def lacks_address(place: Location) -> bool:
    """Whether others could not be told where to go (AVAIL-060)."""
    return not (place.address_line_1 and place.postal_code)


def is_open(organisation: Organisation) -> bool:
    """Whether the practice lets other organisations into its appointment book."""
    return organisation.gp_connect_enabled and organisation.appointment_management_enabled


def the_slot(slot: Slot) -> Model:
    return slot


def the_session(slot: Slot) -> Model:
    return slot.schedule


def the_practice(slot: Slot) -> Model:
    return slot.organisation


def the_place(slot: Slot) -> Model:
    return slot.schedule.location


def the_profile(slot: Slot) -> Model:
    return effective_profile(slot) or slot


def where_set(name: str) -> Callable[[Slot], Model]:
    """The record that holds the nearest setting of a limit."""

    def level(slot: Slot) -> Model:
        own = [each for each in (slot, slot.schedule) if getattr(each, name) is not None]
        return own[0] if own else slot.organisation

    return level


ROLES = frozenset({"", *terminology.value_set("practitioner_role").codes})  # or none yet


# ---------------------------------------------------------------- the table

RULES = (
    # Of the whole practice. A search asks before it begins (``is_open``), not in its query.
    Rule(
        Reason.GP_CONNECT_OFF,
        holds=lambda of: not of.organisation.gp_connect_enabled,
        clear=lambda values: Q(organisation__gp_connect_enabled=True),
        mended_at=the_practice,
        until=Until.SWITCHED,
        in_search=False,
    ),
    Rule(
        Reason.APPOINTMENTS_OFF,
        holds=lambda of: not of.organisation.appointment_management_enabled,
        clear=lambda values: Q(organisation__appointment_management_enabled=True),
        mended_at=the_practice,
        until=Until.SWITCHED,
        in_search=False,
    ),
    # Until somebody changes the slot, its session or its place: the slot can never be offered.
    Rule(
        Reason.NOT_BOOKABLE,
        holds=lambda of: not of.slot.gp_connect_bookable,
        clear=lambda values: Q(gp_connect_bookable=True),
        mended_at=the_slot,
        until=Until.MARKED,
    ),
    Rule(
        Reason.NO_ROLE,
        holds=lambda of: not of.slot.schedule.practitioner_role,
        clear=lambda values: ~Q(schedule__practitioner_role=""),
        mended_at=the_session,
        until=Until.CHANGED,
        advice="choose one first",
    ),
    Rule(
        # Of a session made before the national list changed (AVAIL-055). Staff choose another; the
        # API offers the slot all the same, as what other organisations see is not to shrink
        # because a list was renewed.
        Reason.FOREIGN_ROLE,
        holds=lambda of: of.slot.schedule.practitioner_role not in ROLES,
        clear=lambda values: Q(schedule__practitioner_role__in=sorted(ROLES)),
        mended_at=the_session,
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
        detail=lambda of: of.slot.schedule.practitioner_role,
        advice="choose another one",
    ),
    Rule(
        Reason.NO_CHANNEL,
        holds=lambda of: not of.slot.delivery_channel,
        clear=lambda values: ~Q(delivery_channel=""),
        mended_at=the_slot,
        until=Until.CHANGED,
        advice="choose one first",
    ),
    Rule(
        # For forms: the database marks no slot without (bookable_slot_has_channel_and_type), though
        # it would one of blanks only.
        Reason.NO_TYPE,
        holds=lambda of: not of.slot.slot_type.strip(),
        clear=lambda values: Q(slot_type__regex=r"\S"),
        mended_at=the_slot,
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
        advice="write one first",
    ),
    Rule(
        # For forms: the database marks no such slot.
        Reason.EXTRA,
        holds=lambda of: of.slot.overbooked,
        clear=lambda values: Q(overbooked=False),
        mended_at=the_slot,
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
    ),
    Rule(
        Reason.SESSION_WITHDRAWN,
        holds=lambda of: of.slot.schedule.withdrawn,
        clear=lambda values: Q(schedule__withdrawn=False),
        mended_at=the_session,
        until=Until.CHANGED,
    ),
    Rule(
        Reason.WITHDRAWN,
        holds=lambda of: of.slot.withdrawn,
        clear=lambda values: Q(withdrawn=False),
        mended_at=the_slot,
        until=Until.CHANGED,
        advice="restore it first",
    ),
    Rule(
        # Not free either, which is what the API says of it.
        Reason.IN_ERROR,
        holds=lambda of: of.slot.status == Slot.Status.ENTERED_IN_ERROR,
        clear=lambda values: ~Q(status=Slot.Status.ENTERED_IN_ERROR),
        mended_at=the_slot,
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
    ),
    Rule(
        # Staff are kept from marking such a slot and told of those that are marked (AVAIL-060). The
        # API offers them all the same: time that a patient could have is not to be lost because a
        # postcode is missing, and the name of the place is sent.
        Reason.NO_ADDRESS,
        holds=lambda of: lacks_address(of.slot.schedule.location),
        clear=lambda values: (
            ~Q(schedule__location__address_line_1="") & ~Q(schedule__location__postal_code="")
        ),
        mended_at=the_place,
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
        detail=lambda of: str(of.slot.schedule.location),
        advice="add it first, under Locations",
    ),
    # Limits that leave no moment at which a slot could be booked. An hour more or less, on the two
    # days of the year when the clocks change, is not counted. For staff: at every moment, one of
    # BEFORE_WINDOW, EMBARGOED, TOO_LATE and IN_PAST keeps such a slot from being booked anyway.
    Rule(
        Reason.WINDOW_BELOW_NOTICE,
        # Of a window of no days, which is the day itself, the notice leaves nothing if it is a day.
        holds=lambda of: (
            of.window is not None
            and of.notice is not None
            and of.notice > (of.window * 1440 or 1439)
        ),
        clear=lambda values: (
            Q(window__isnull=True)
            | Q(notice__isnull=True)
            | Q(notice__lte=F("window") * 1440)
            | Q(window=0, notice__lt=1440)
        ),
        mended_at=where_set("booking_window_days"),
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
        detail=lambda of: f"{of.notice} minutes, {of.window} day{'' if of.window == 1 else 's'}",
    ),
    Rule(
        Reason.EMBARGO_BELOW_NOTICE,
        holds=lambda of: bool(of.embargo and of.notice is not None and of.embargo < of.notice),
        clear=lambda values: (
            Q(embargo__isnull=True)
            | Q(embargo=0)
            | Q(notice__isnull=True)
            | Q(notice__lte=F("embargo"))
        ),
        mended_at=where_set("embargo_minutes"),
        until=Until.CHANGED,
        in_search=False,
        on_booking=False,
        detail=lambda of: f"{of.notice} minutes, {of.embargo} minutes",
    ),
    # Now, or for whoever asks: it passes by itself.
    Rule(
        Reason.NOT_FREE,
        holds=lambda of: of.slot.status != Slot.Status.FREE,
        clear=lambda values: Q(status=Slot.Status.FREE),
        mended_at=the_slot,
        detail=lambda of: of.slot.get_status_display(),
    ),
    Rule(
        Reason.IN_PAST,
        holds=lambda of: of.slot.start <= of.asked.now,
        clear=lambda values: Q(epoch__gt=values["floor"]),
        mended_at=the_slot,
        in_search=False,
        by_start=True,
    ),
    # A slot exactly at one of the three limits is inside it (AVAIL-044). A window of 0 days is the
    # day itself, until midnight; an embargo of 0 minutes is none, whatever an outer level has.
    Rule(
        Reason.BEFORE_WINDOW,
        holds=lambda of: of.window is not None and of.is_before_window(of.window),
        clear=lambda values: (
            Q(window__isnull=True)
            | Q(window__gt=0, wall_distance__lte=F("window") * 86_400)
            | Q(window=0, wall_distance__lt=values["rest_of_day"])
        ),
        mended_at=where_set("booking_window_days"),
        by_start=True,
        detail=Candidate.window_opens,
    ),
    Rule(
        Reason.EMBARGOED,
        holds=lambda of: bool(of.embargo and of.lead() > timedelta(minutes=of.embargo)),
        # In whole seconds: a slot starts on one, ``now`` need not.
        clear=lambda values: (
            Q(embargo__isnull=True)
            | Q(embargo=0)
            | Q(epoch__lte=F("embargo") * 60 + values["floor"])
        ),
        mended_at=where_set("embargo_minutes"),
        by_start=True,
        detail=lambda of: of.limit_passed("until", of.embargo),
    ),
    Rule(
        Reason.TOO_LATE,
        holds=lambda of: of.notice is not None and of.lead() < timedelta(minutes=of.notice),
        clear=lambda values: (
            Q(notice__isnull=True) | Q(epoch__gte=F("notice") * 60 + values["ceiling"])
        ),
        mended_at=where_set("minimum_notice_minutes"),
        by_start=True,
        detail=lambda of: of.limit_passed("since", of.notice),
    ),
    # The query has one list of the profiles that admit the requester, by type and code alike.
    Rule(
        Reason.OTHER_TYPES,
        holds=lambda of: not admits_type(of.profile, of.asked.requester),
        clear=lambda values: Q(profile__isnull=True) | Q(profile__among=values["profiles"]),
        mended_at=the_profile,
    ),
    Rule(
        Reason.OTHER_CODES,
        holds=lambda of: not admits_code(of.profile, of.asked.requester, of.asked.day_of_groups),
        clear=lambda values: Q(profile__isnull=True) | Q(profile__among=values["profiles"]),
        mended_at=the_profile,
        in_search=False,  # OTHER_TYPES has asked it
    ),
    Rule(
        # In a search, profile_limits.has_room says it: of nobody, as long as no limit is used up.
        Reason.LIMIT_USED_UP,
        holds=lambda of: bool(of.used_up()),
        clear=lambda values: values["has_room"],
        mended_at=the_profile,
        in_search=False,
        detail=Candidate.used_up,
    ),
)
RULE_OF = {rule.reason: rule for rule in RULES}
ON_BOOKING = [rule for rule in RULES if rule.on_booking]
NEVER = [rule for rule in RULES if rule.until is Until.CHANGED]
DOUBTS = [rule for rule in NEVER if not rule.in_search]
BY_START = [rule for rule in RULES if rule.by_start]
WHATEVER_START = [rule for rule in RULES if not rule.by_start]
SWITCHES = [rule for rule in RULES if rule.until is Until.SWITCHED]


# ---------------------------------------------------------------- for one slot


def refusals(
    slot: Slot,
    *,
    organisation: Organisation,
    requester: BookingParty,
    now: datetime,
    taken: Usage,
    wanted: int = 1,
) -> list[Refusal]:
    """Return every reason why a booking of a slot is refused; none: it is offered.

    ``slot`` comes with its schedule and both access profiles (``select_related``), ``taken`` from
    ``usage`` of those profiles; ``wanted`` is how many slots of the session are asked for at once.
    """
    return _speaking(ON_BOOKING, slot, organisation, Asked(requester, now, taken, wanted))


def why_not_offered(
    slot: Slot, *, organisation: Organisation, requester: BookingParty, now: datetime, taken: Usage
) -> list[Refusal]:
    """Return every reason that speaks against a slot, those that only staff go by included.

    As for ``refusals``; the session comes with its location too.
    """
    return _speaking(RULES, slot, organisation, Asked(requester, now, taken))


def why_never_offered(slot: Slot, *, organisation: Organisation) -> list[Refusal]:
    """Return why a slot could never be offered to anybody, even if it were marked bookable.

    None: it can be. ``slot`` comes with its schedule and place (``select_related``); it need not be
    saved, so that a form can ask before it saves. Whether GP Connect is on is not asked: a practice
    may prepare its diary before. Source: AVAIL-050 to AVAIL-060, STAFF-026.
    """
    return _speaking(NEVER, slot, organisation, WHENEVER)


def doubts(slot: Slot, *, organisation: Organisation) -> list[Refusal]:
    """Return what staff should know of a slot that a search offers: it can never be booked as is.

    What a search asks itself is not asked again. As for ``why_never_offered``.
    """
    return _speaking(DOUBTS, slot, organisation, WHENEVER)


def never_offered_in_words(slot: Slot, *, organisation: Organisation) -> str:
    """Return the same as one text, a sentence for each reason; empty: it can be offered."""
    found = why_never_offered(slot, organisation=organisation)
    return " ".join(refusal.sentence for refusal in found)


def reasons(
    rules: Iterable[Rule], slot: Any, *, organisation: Organisation, asked: Asked
) -> tuple[Reason, ...]:
    """Return which of these rules speak against a slot, without what makes it so."""
    of = _candidate(slot, organisation, asked)
    return tuple(rule.reason for rule in rules if rule.holds(of))


def speaking(
    found: Iterable[Reason], slot: Slot, *, organisation: Organisation, asked: Asked
) -> list[Refusal]:
    """Return what makes each of these so, if it still is."""
    return _speaking([RULE_OF[reason] for reason in found], slot, organisation, asked)


def _speaking(
    rules: Iterable[Rule], slot: Slot, organisation: Organisation, asked: Asked
) -> list[Refusal]:
    of = _candidate(slot, organisation, asked)
    return [Refusal(rule.reason, rule.detail(of)) for rule in rules if rule.holds(of)]


def _candidate(slot: Slot, organisation: Organisation, asked: Asked) -> Candidate:
    window, embargo, notice = (effective_limit(name, slot, organisation) for name in OFFER_LIMITS)
    return Candidate(slot, organisation, asked, effective_profile(slot), window, embargo, notice)


# ---------------------------------------------------------------- for all slots, as a query


# The offset from UTC in seconds that holds before each change of the clocks, and the one after all.
Offsets = tuple[tuple[tuple[datetime, int], ...], int]
NO_CHANGE: Offsets = ((), 0)
# The limits of each slot's own practice, for queries over all of them.
LIMITS_OF_PRACTICE: Values = {name: F(f"organisation__{name}") for name in OFFER_LIMITS}


def with_limits(slots: SlotQuerySet, values: Values, offsets: Offsets = NO_CHANGE) -> SlotQuerySet:
    """Give slots what the conditions of the table go by; only what is used gets into the SQL."""
    found = slots.alias(
        profile=Coalesce("access_profile_id", "schedule__access_profile_id"),
        epoch=Epoch("start"),
        **nearest_limits(values, ("", "schedule__")),
    )
    if "wall_now" in values:
        found = found.alias(
            wall_distance=F("epoch") + _offset_at_start(offsets) - values["wall_now"]
        )
    return found


def nearest_limits(values: Values, levels: tuple[str, ...]) -> dict[str, Cast]:
    """Return the three limits that count: of the first of these levels, else of the practice."""
    names = zip(("window", "embargo", "notice"), OFFER_LIMITS, strict=True)
    return {short: _nearest(name, values, levels) for short, name in names}


def _nearest(name: str, values: Values, levels: tuple[str, ...]) -> Cast:
    """``effective_limit`` in SQL; wide enough to be turned into seconds, however large."""
    practice = values[name]
    if isinstance(practice, F):
        practice = Cast(practice, BigIntegerField())
    elif not isinstance(practice, QueryParameter):
        practice = Value(practice, BigIntegerField())
    own = (Cast(f"{level}{name}", BigIntegerField()) for level in levels)
    return Cast(Coalesce(*own, practice), BigIntegerField())


def _offset_at_start(offsets: Offsets) -> Case:
    """The offset from UTC in seconds when a slot starts: ``wall_distance`` in SQL needs it."""
    before, after = offsets
    return Case(
        *(When(start__lt=change, then=Value(offset)) for change, offset in before),
        default=Value(after),
        output_field=BigIntegerField(),
    )
