"""Which organisations may book what: each access profile, where it is set, what is left of it.

This is the list of access profiles; the form of each stands at Django's own addresses.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock, terminology
from practice.models import AccessProfile, SessionTemplate, TemplateBlock
from practice.reads import access_profiles, bookability, consumer_groups, profile_limits
from practice.reads.access_profiles import SessionUnder
from practice.reads.profile_limits import Usage
from practice.staff.base import StaffPage

AHEAD = timedelta(weeks=4)


@dataclass(frozen=True)
class Places:
    """What is taken of a limit in a period: this session, today, this week."""

    period: str
    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


@dataclass
class Profile:
    """An access profile as the page shows it."""

    profile: AccessProfile
    today: date
    templates: list[SessionTemplate] = field(default_factory=list)
    blocks: list[TemplateBlock] = field(default_factory=list)
    sessions: int = 0
    single_slots: int = 0
    free: int = 0
    places: list[Places] = field(default_factory=list)

    @property
    def who(self) -> str:
        return who_in_words(self.profile, self.today)

    @property
    def limits(self) -> str:
        return limits_in_words(self.profile)

    @property
    def is_set(self) -> bool:
        return bool(self.templates or self.blocks or self.sessions or self.single_slots)

    @property
    def offered_to_one(self) -> str:
        """The page that shows what the first organisation of the profile is offered."""
        asked = {
            "ods_code": next(iter(self.profile.codes_on(self.today)), ""),
            "organisation_type": next(iter(self.profile.organisation_types), ""),
        }
        return f"{reverse('admin:visibility')}?{urlencode(asked)}"


class Access(StaffPage):
    """The page, with ``?q=`` only those that the words occur in: as many queries for any number."""

    permission = "practice.view_accessprofile"
    template = "staff/access/page.html"
    title = "Who may book what"

    def get(self, request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "")[:100]
        found = {
            profile.pk: Profile(profile, self.today)
            for profile in access_profiles.profiles(organisation=self.practice, words=words)
        }
        self.add_templates(found)
        free = self.add_diary(found)
        self.add_places(found)
        return self.render(
            profiles=list(found.values()),
            words=words,
            open_to_all=free[None],
            coming=consumer_groups.coming_changes(organisation=self.practice, today=self.today),
            is_open=bookability.is_open(self.practice),
            last=self.today + AHEAD,
        )

    def add_templates(self, found: dict[int, Profile]) -> None:
        """Where each is set in templates that go on: for the session, and for single blocks."""
        practice, today = self.practice, self.today
        for template in access_profiles.templates_under(found, organisation=practice, today=today):
            found[template.access_profile_id].templates.append(template)  # type: ignore[index]
        for block in access_profiles.blocks_under(found, organisation=practice, today=today):
            found[block.access_profile_id].blocks.append(block)  # type: ignore[index]

    def add_diary(self, found: dict[int, Profile]) -> Counter[int | None]:
        """Where each is set in the next weeks; return the bookable free slots by profile."""
        until = self.today + AHEAD
        for sessions in access_profiles.sessions_under(
            found, self.today, until, organisation=self.practice
        ):
            found[sessions.profile_id].sessions = sessions.number
        free: Counter[int | None] = Counter()
        for slots in access_profiles.free_under(until, organisation=self.practice, now=self.now):
            free[slots.effective_id] += slots.number
            if slots.own_id in found:
                found[slots.own_id].single_slots += slots.number
        for profile_id, number in free.items():
            if profile_id in found:
                found[profile_id].free = number
        return free

    def add_places(self, found: dict[int, Profile]) -> None:
        """What is taken of each limit now: in today's sessions, today, and this week."""
        taken = profile_limits.usage([each.profile for each in found.values()], self.now)
        limited = [pk for pk, each in found.items() if each.profile.slots_per_session is not None]
        sessions = access_profiles.sessions_of_day_under(
            limited, self.today, organisation=self.practice
        )
        for pk, each in found.items():
            each.places = [
                *self.session_places(each.profile, sessions.get(pk, []), taken),
                *(
                    Places(period, used, limit)
                    for period, used, limit in (
                        ("today", taken.by_day[pk, self.today], each.profile.slots_per_day),
                        (
                            "this week",
                            taken.by_week[pk, profile_limits.week_of(self.today)],
                            each.profile.slots_per_week,
                        ),
                    )
                    if limit is not None
                ),
            ]

    def session_places(
        self, profile: AccessProfile, sessions: list[SessionUnder], taken: Usage
    ) -> list[Places]:
        limit = profile.slots_per_session
        if limit is None:
            return []
        return [
            Places(
                f"in {session.name or 'the session'}, {clock.local(session.start):%H:%M}",
                taken.by_session[profile.pk, session.schedule_id],
                limit,
            )
            for session in sessions
        ]


def who_in_words(profile: AccessProfile, today: date) -> str:
    """Return whom a profile admits: Urgent Care that are also A20047, or B81617.

    A group is named, with who is in it today.
    """
    types = " or ".join(
        terminology.value_set("organisation_type").display(code)
        for code in profile.organisation_types
    )
    named = list(profile.ods_codes)
    if group := profile.consumer_group:
        now = ", ".join(group.codes_on(today)) or "nobody"
        named.append(f"the group “{group}” (today {now})")
    codes = ", ".join(named)
    if types and codes:
        return f"{types}, and of these only {codes}"
    return types or codes or "Everybody"


def limits_in_words(profile: AccessProfile) -> str:
    """Return how many slots may be taken: 3 a session, 10 a week."""
    limits = (
        (profile.slots_per_session, "session"),
        (profile.slots_per_day, "day"),
        (profile.slots_per_week, "week"),
    )
    return ", ".join(f"{limit} a {period}" for limit, period in limits if limit) or "No limit"
