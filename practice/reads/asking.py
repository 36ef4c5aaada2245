"""Who really asks, as the audit trail tells, and what staff should know of it.

The counts are kept by practice.services.asking; here they are read and judged.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from django.db.models import QuerySet

from practice import clock, terminology
from practice.models import (
    AccessProfile,
    AskingOrganisation,
    AskingWatch,
    Organisation,
    Promise,
)
from practice.reads.profile_limits import BookingParty, admits
from practice.reads.promises import parties

SHOWN_DAYS = 28  # who has not asked for longer is no longer listed, unless something is promised
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Finding:
    """What staff should know: one who is promised something is silent, or a stranger gets nothing.

    ``who`` is an ODS code, or the organisation type that was promised something; ``since`` an ISO
    date and time, or empty where they were never heard of.
    """

    kind: Literal["silent", "nothing"]
    who: str
    name: str
    since: str = ""
    promise: int | None = None
    promised: str = ""

    @property
    def key(self) -> str:
        """The same for as long as it is the same matter."""
        return f"{self.kind} {self.promise or ''} {self.who}"

    def __str__(self) -> str:
        whom = f"{self.name} ({self.who})" if self.name and self.name != self.who else self.who
        since = day_in_words(datetime.fromisoformat(self.since)) if self.since else ""
        if self.kind == "nothing":
            return f"{whom} searches, and has been shown nothing since {since}: nobody named it."
        if not since:
            return f"{whom} is promised slots (\u201c{self.promised}\u201d), and never searched."
        return (
            f"{whom} is promised slots (\u201c{self.promised}\u201d), and has not searched since"
            f" {since}."
        )

    @property
    def good_again(self) -> str:
        """What is said when it is so no longer."""
        if self.kind == "nothing":
            return f"{self.name or self.who} no longer searches for nothing."
        return f"{self.name or self.who} searches again."


def day_in_words(moment: datetime) -> str:
    return f"{clock.local(moment):%A %-d %B}"


def finding_of(kept: dict[str, Any]) -> Finding:
    """A finding as it is stored."""
    return Finding(**kept)


def stored(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def watch_of(*, organisation: Organisation) -> AskingWatch | None:
    """How far the practice's trail has been counted."""
    return AskingWatch.objects.filter(organisation=organisation).first()


def findings(*, organisation: Organisation) -> list[Finding]:
    """What staff should know of who asks; one query."""
    watch = watch_of(organisation=organisation)
    return [finding_of(each) for each in watch.findings] if watch else []


def findings_by_practice() -> dict[str, Counter[str]]:
    """How many there are of each kind, by ODS code; one query."""
    rows = AskingWatch.objects.filter(organisation__sandbox_of="").order_by(
        "organisation__ods_code"
    )
    return {
        code: Counter(each["kind"] for each in kept)
        for code, kept in rows.values_list("organisation__ods_code", "findings")
    }


# ---------------------------------------------------------------- what is found


class Promised(NamedTuple):
    """Somebody to whom a promise was made: an organisation by its code, or a type of them."""

    promise: Promise
    party: BookingParty
    since: datetime | None = None  # whose membership of a group began then

    @property
    def who(self) -> str:
        return next(iter(self.party.ods_codes), "") or next(iter(self.party.organisation_types), "")

    @property
    def name(self) -> str:
        if self.party.ods_codes:
            return self.who
        return f"Any {TYPES.get(self.who, self.who)}"

    def is_one(self, asking: AskingOrganisation) -> bool:
        """Whether this organisation is whom it was promised to, by its token or its search."""
        if self.party.ods_codes:
            return bool(self.party.ods_codes & {asking.ods_code, *asking.for_ods_codes})
        return bool(self.party.organisation_types & {*asking.for_organisation_types})


TYPES = dict(terminology.organisation_types())


def promised_to(promises: Iterable[Promise], today: date) -> list[Promised]:
    """Everybody to whom something is promised today."""
    return [
        Promised(each, party, joined(each, party, today))
        for each in promises
        for party in parties(each, today)
        if party.ods_codes or party.organisation_types
    ]


def joined(promise: Promise, party: BookingParty, today: date) -> datetime | None:
    """When a member of a promise's group joined it: nobody is silent who has only just come."""
    group = promise.access_profile and promise.access_profile.consumer_group
    dates = [
        each["since"]
        for each in (group.members_on(today) if group else [])
        if each["ods_code"] in party.ods_codes and each["since"]
    ]
    return clock.day_start(date.fromisoformat(max(dates))) if dates else None


def find(
    *,
    watch: AskingWatch,
    asking: Collection[AskingOrganisation],
    promises: Iterable[Promise],
    profiles: Collection[AccessProfile],
    now: datetime,
) -> list[Finding]:
    """What staff of a practice should know; asks nothing of the database."""
    everybody = promised_to(promises, clock.today(now))
    found = []
    for each in everybody:
        named = [one for one in asking if each.is_one(one) and one.last_search_at]
        last = max(named, key=lambda one: one.last_search_at or now, default=None)
        heard = last.last_search_at if last else None
        silent = timedelta(days=each.promise.silent_after_days)
        began = max(watch.began_at, each.promise.made_at, each.since or watch.began_at)
        if now - max(heard or began, began) >= silent:
            name = (last.name if last and each.party.ods_codes else "") or each.name
            since = heard.isoformat() if heard else ""
            found.append(
                Finding("silent", each.who, name, since, each.promise.pk, each.promise.name)
            )
    for one in asking:
        if one.nothing_since and one.ods_code and is_recent(one, now):
            is_known = any(each.is_one(one) for each in everybody) or is_named(one, profiles, now)
            if not is_known:
                since = one.nothing_since.isoformat()
                found.append(Finding("nothing", one.ods_code, one.name, since))
    return found


def is_recent(asking: AskingOrganisation, now: datetime) -> bool:
    """Whether it has searched in the last week."""
    return bool(asking.last_search_at and now - asking.last_search_at < WEEK)


def is_named(asking: AskingOrganisation, profiles: Iterable[AccessProfile], now: datetime) -> bool:
    """Whether an access profile that restricts anything lets it in."""
    party = party_of(asking)
    return any(
        admits(profile, party, clock.today(now))
        for profile in profiles
        if profile.names_codes or profile.organisation_types
    )


def party_of(asking: AskingOrganisation) -> BookingParty:
    """As whom it searched last."""
    return BookingParty(frozenset(asking.for_ods_codes), frozenset(asking.for_organisation_types))


# ---------------------------------------------------------------- the page


class Reason(NamedTuple):
    """Why requests were refused, and how many."""

    words: str
    number: int


class Row(NamedTuple):
    """A line of the page: who, what was promised to them, and what they did."""

    who: str
    name: str
    asking: AskingOrganisation | None
    promised: list[str]
    findings: list[Finding]
    party: BookingParty
    searches: int = 0
    bookings: int = 0
    refusals: list[Reason] = []


def who_asks(*, organisation: Organisation, watch: AskingWatch | None, now: datetime) -> list[Row]:
    """Everybody who asked in the last weeks or is promised something; what is wrong comes first."""
    since = now - timedelta(days=SHOWN_DAYS)
    asking = list(all_asking([organisation]))
    promises = Promise.objects.filter(organisation=organisation).select_related(
        "access_profile__consumer_group"
    )
    everybody = promised_to(promises, clock.today(now))
    known = [finding_of(each) for each in watch.findings] if watch else []
    today = clock.today(now)
    rows = []
    for one in asking:
        meant = [each for each in everybody if each.is_one(one)]
        if meant or latest(one) >= since:
            keys = {each.who for each in meant if each.party.ods_codes} | {one.ods_code}
            about = [each for each in known if each.who in keys]
            rows.append(_row(one, meant, about, today))
    for each in everybody:
        if not any(each.is_one(one) for one in asking):
            about = [finding for finding in known if finding.who == each.who]
            rows.append(Row(each.who, each.name, None, [each.promise.name], about, each.party))
    return sorted(rows, key=lambda row: (not row.findings, -row.searches, row.name))


def _row(one: AskingOrganisation, meant: list[Promised], about: list[Finding], today: date) -> Row:
    week = [counts for day, counts in one.days.items() if today - date.fromisoformat(day) < WEEK]
    refusals: Counter[str] = Counter()
    for counts in one.days.values():
        refusals.update(counts.get("refusals", {}))
    return Row(
        one.ods_code,
        one.name or one.ods_code or "Nobody knows: no token could be read",
        one,
        sorted({each.promise.name for each in meant}),
        about,
        party_of(one),
        sum(counts.get("searches", 0) for counts in week),
        sum(counts.get("bookings", 0) for counts in week),
        [Reason(*each) for each in refusals.most_common(3)],
    )


def latest(asking: AskingOrganisation) -> datetime:
    """When it was last heard of: on the last day that is counted."""
    return clock.day_end(date.fromisoformat(max(asking.days, default="2000-01-01")))


def all_asking(practices: Iterable[Organisation]) -> QuerySet[AskingOrganisation]:
    """Whoever asked at these practices."""
    return AskingOrganisation.objects.filter(organisation__in=practices)
