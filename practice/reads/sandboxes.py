"""Which sandboxes of suppliers there are, and what was sent there and answered."""

from datetime import date
from typing import NamedTuple

from django.db.models import Max, Min, QuerySet

from practice.models import (
    AccessProfile,
    AuditEvent,
    Organisation,
    Patient,
    SandboxExchange,
    Schedule,
)

SHOWN = 200  # requests, the latest; what was sent and answered is kept of no more
DONE = ("200", "201")


def sandboxes() -> QuerySet[Organisation]:
    """All that there are, those that were removed included; by supplier."""
    return Organisation.objects.sandboxes().order_by("sandbox_of")


def sandbox_of(supplier: str) -> Organisation | None:
    """Return a supplier's sandbox."""
    return sandboxes().filter(sandbox_of=supplier).first()


def open_sandbox(pk: int) -> Organisation | None:
    """Return a sandbox that is in use: removed ones are switched off."""
    return sandboxes().filter(pk=pk, gp_connect_enabled=True).first()


def profile_named(name: str, *, organisation: Organisation) -> AccessProfile | None:
    """Return the access profile of this name."""
    return AccessProfile.objects.filter(organisation=organisation, name=name).first()


class Diary(NamedTuple):
    """The first and the last day of a diary, if it has any."""

    first: date | None
    last: date | None


def diary_of(organisation: Organisation) -> Diary:
    """Return from when to when a sandbox has sessions."""
    found = Schedule.objects.filter(organisation=organisation)
    return Diary(**found.aggregate(first=Min("date"), last=Max("date")))


def patients(*, organisation: Organisation) -> list[Patient]:
    """Return everybody here, by NHS number."""
    return list(Patient.objects.filter(organisation=organisation).order_by("nhs_number", "pk"))


def last_event(*names: str, organisation: Organisation) -> AuditEvent | None:
    """Return when something of these names was last done to it, as the trail has it."""
    found = AuditEvent.objects.filter(organisation=organisation, event__in=names)
    return found.order_by("-recorded_at", "-pk").first()


def requests(*, organisation: Organisation, only_wrong: bool) -> list[AuditEvent]:
    """Return what suppliers asked of it last, the newest first; or of that what went wrong."""
    found = AuditEvent.objects.filter(organisation=organisation, door=AuditEvent.Door.GP_CONNECT)
    latest = list(found.order_by("-recorded_at", "-pk")[:SHOWN])
    return [each for each in latest if each.outcome not in DONE] if only_wrong else latest


def request_of(key: str, *, organisation: Organisation) -> AuditEvent | None:
    """Return the event of the trail that calls an exchange by this key."""
    latest = requests(organisation=organisation, only_wrong=False)
    return next((each for each in latest if each.detail.get("exchange") == key), None)


def exchange(key: str, *, organisation: Organisation) -> SandboxExchange | None:
    """Return what was sent and answered, if it is still kept."""
    return SandboxExchange.objects.filter(organisation=organisation, key=key).first()
