"""Which organisations may book what: each access profile, where it is set, what is left of it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock
from practice.admin.access import limits_in_words, who_in_words
from practice.models import (
    AccessProfile,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.reads import bookability
from practice.reads.bookability import Usage
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
    templates: list[SessionTemplate] = field(default_factory=list)
    blocks: list[TemplateBlock] = field(default_factory=list)
    sessions: int = 0
    single_slots: int = 0
    free: int = 0
    places: list[Places] = field(default_factory=list)

    @property
    def who(self) -> str:
        return who_in_words(self.profile)

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
            "ods_code": next(iter(self.profile.ods_codes), ""),
            "organisation_type": next(iter(self.profile.organisation_types), ""),
        }
        return f"{reverse('admin:visibility')}?{urlencode(asked)}"


class Access(StaffPage):
    """The page; as many queries for a hundred profiles as for one."""

    permission = "practice.view_accessprofile"
    template = "staff/access/page.html"
    title = "Who may book what"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = {
            profile.pk: Profile(profile)
            for profile in AccessProfile.objects.filter(organisation=self.practice)
        }
        self.add_templates(found)
        free = self.add_diary(found)
        self.add_places(found)
        return self.render(
            profiles=list(found.values()),
            open_to_all=free[None],
            is_open=bookability.is_open(self.practice),
            last=self.today + AHEAD,
        )

    def add_templates(self, found: dict[int, Profile]) -> None:
        """Where each is set in templates that go on: for the session, and for single blocks."""
        goes_on = Q(effective_to__isnull=True) | Q(effective_to__gte=self.today)
        templates = SessionTemplate.objects.filter(
            goes_on, organisation=self.practice, access_profile__in=found
        ).select_related("session_holder")
        for template in templates:
            found[template.access_profile_id].templates.append(template)  # type: ignore[index]
        blocks = (
            TemplateBlock.objects.filter(
                template__in=SessionTemplate.objects.filter(goes_on, organisation=self.practice),
                access_profile__in=found,
            )
            .select_related("template__session_holder")
            .order_by("template__session_name", "template", "position")
        )
        for block in blocks:
            found[block.access_profile_id].blocks.append(block)  # type: ignore[index]

    def add_diary(self, found: dict[int, Profile]) -> Counter[int | None]:
        """Where each is set in the next weeks; return the bookable free slots by profile."""
        until = self.today + AHEAD
        sessions = (
            Schedule.objects.filter(
                organisation=self.practice,
                date__range=(self.today, until),
                withdrawn=False,
                access_profile__in=found,
            )
            .values_list("access_profile")
            .annotate(number=Count("pk"))
            .order_by()
        )
        for profile, number in sessions:
            found[profile].sessions = number
        slots = (
            Slot.objects.filter(
                organisation=self.practice,
                status=Slot.Status.FREE,
                gp_connect_bookable=True,
                withdrawn=False,
                schedule__withdrawn=False,
                start__gt=self.now,
                start__lt=clock.day_end(until),
            )
            .values_list("access_profile", Coalesce("access_profile", "schedule__access_profile"))
            .annotate(number=Count("pk"))
            .order_by()
        )
        free: Counter[int | None] = Counter()
        for own, effective, number in slots:
            free[effective] += number
            if own in found:
                found[own].single_slots += number
        for profile, number in free.items():
            if profile in found:
                found[profile].free = number
        return free

    def add_places(self, found: dict[int, Profile]) -> None:
        """What is taken of each limit now: in today's sessions, today, and this week."""
        taken = bookability.usage([each.profile for each in found.values()], self.now)
        sessions = self.sessions_of_today(found)
        for pk, each in found.items():
            each.places = [
                *self.session_places(each.profile, sessions[pk], taken),
                *(
                    Places(period, used, limit)
                    for period, used, limit in (
                        ("today", taken.by_day[pk, self.today], each.profile.slots_per_day),
                        (
                            "this week",
                            taken.by_week[pk, bookability.week_of(self.today)],
                            each.profile.slots_per_week,
                        ),
                    )
                    if limit is not None
                ),
            ]

    def session_places(
        self, profile: AccessProfile, sessions: list[tuple[int, str]], taken: Usage
    ) -> list[Places]:
        limit = profile.slots_per_session
        if limit is None:
            return []
        return [
            Places(name, taken.by_session[profile.pk, schedule], limit)
            for schedule, name in sessions
        ]

    def sessions_of_today(
        self, found: dict[int, Profile]
    ) -> defaultdict[int, list[tuple[int, str]]]:
        """Today's sessions in which slots are under each profile with a limit for sessions."""
        limited = [pk for pk, each in found.items() if each.profile.slots_per_session is not None]
        rows = (
            Slot.objects.filter(
                organisation=self.practice,
                schedule__date=self.today,
                schedule__organisation=self.practice,
                withdrawn=False,
                schedule__withdrawn=False,
                gp_connect_bookable=True,
            )
            .annotate(profile=Coalesce("access_profile", "schedule__access_profile"))
            .filter(profile__in=limited)
            .order_by("schedule__start", "schedule")
            .values_list("profile", "schedule", "schedule__start", "schedule__session_name")
            .distinct()
        )
        sessions: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for profile, schedule, start, name in rows:
            sessions[profile].append(
                (schedule, f"in {name or 'the session'}, {clock.local(start):%H:%M}")
            )
        return sessions
