"""Service filtering: how both switches stand, a practice's services, and whose sessions are which.

While it is off nothing is asked of the database: ``Organisation.filters_by_service`` goes by the
practice's own row, that is at hand.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import CharField, Count, OuterRef, Q, QuerySet, Subquery

from practice import clock
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import (
    AuditEvent,
    HealthcareService,
    Organisation,
    Schedule,
    ServiceFilteringSwitch,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.reads.history import Happening, happening, newest

State = ServiceFilteringSwitch.State

# ---------------------------------------------------------------- the switches


class Status(StrEnum):
    """How service filtering stands at a practice, in the words of GP Connect (SF-025)."""

    SUPPLIER_DISABLED = "supplier-disabled"
    ORGANISATION_DISABLED = "organization-disabled"
    ENABLED = "enabled"


def status(organisation: Organisation) -> Status:
    """How it stands at a practice; the practice's own switch counts only where it may use it."""
    if organisation.service_filtering_open != HERE:
        return Status.SUPPLIER_DISABLED
    if not organisation.service_filtering_enabled:
        return Status.ORGANISATION_DISABLED
    return Status.ENABLED


# What the supplier's switch says of a practice.
OFF, ELSEWHERE, HERE = "off", "elsewhere", "here"


def is_spoken_of(organisation: Organisation) -> bool:
    """Whether 1.2.8 is spoken at a practice: nowhere while the supplier's switch is off."""
    return organisation.service_filtering_open != OFF


def is_open(organisation: Organisation) -> bool:
    """Whether the supplier lets a practice use service filtering, and see it at all (SF-003)."""
    return organisation.service_filtering_open == HERE


def supplier_switch() -> ServiceFilteringSwitch:
    """The supplier's switch as it is, or one that nobody has turned yet."""
    found = ServiceFilteringSwitch.objects.filter(pk=ServiceFilteringSwitch.ONLY).first()
    return found or ServiceFilteringSwitch(pk=ServiceFilteringSwitch.ONLY)


def open_at(organisation: Organisation, switch: ServiceFilteringSwitch) -> str:
    """What the supplier's switch says of a practice."""
    if switch.state == State.OFF:
        return OFF
    selected = organisation.ods_code in switch.ods_codes
    return HERE if switch.state == State.ON or selected else ELSEWHERE


def practices_by_ods_code(codes: Collection[str]) -> dict[str, Organisation]:
    """Those of these practices that are hosted here."""
    found = Organisation.objects.filter(ods_code__in=codes)
    return {practice.ods_code: practice for practice in found}


SUPPLIER_EVENT = "service_filtering.switch"
PRACTICE_EVENT = "organisation.switch"
MOST = 200  # changes of switches that are shown


def supplier_history() -> list[Happening]:
    """How the supplier's switch stood, from when and by whom, the latest first (SF-011)."""
    return _history(AuditEvent.objects.filter(event=SUPPLIER_EVENT, organisation__isnull=True))


def practice_history(organisation: Organisation) -> list[Happening]:
    """The same of the switches of a practice, and of what the supplier opened it for (SF-011)."""
    told = AuditEvent.objects.filter(organisation=organisation)
    return _history(told.filter(event__in=[SUPPLIER_EVENT, PRACTICE_EVENT]))


def _history(events: QuerySet[AuditEvent]) -> list[Happening]:
    return [happening(event) for event in newest(events, MOST)]


# ---------------------------------------------------------------- the services


def services(*, organisation: Organisation) -> QuerySet[HealthcareService]:
    """The services of a practice, by name."""
    return HealthcareService.objects.filter(organisation=organisation)


def service_of(*, organisation: Organisation, pk: int) -> HealthcareService | None:
    """A service of the practice; None: there is none of this id."""
    return services(organisation=organisation).filter(pk=pk).first()


@dataclass(frozen=True)
class Linked:
    """A service with how many templates and coming sessions belong to it."""

    service: HealthcareService
    templates: int
    sessions: int


@dataclass(frozen=True)
class ServiceList:
    """A practice's services, and what others may book that belongs to none that anybody chose."""

    linked: list[Linked]
    templates_without: list[SessionTemplate]
    sessions_without: int


def service_list(*, organisation: Organisation, now: datetime) -> ServiceList:
    """What the page of the services shows: five queries, however many there are."""
    today = clock.today(now)
    going_on = templates_going_on(organisation=organisation, today=today)
    coming = coming_sessions(organisation=organisation, now=now)
    templates = _counted(going_on)
    sessions = _counted(coming)
    found = [
        Linked(each, templates.get(each.pk, 0), sessions.get(each.pk, 0))
        for each in services(organisation=organisation)
    ]
    return ServiceList(
        found,
        list(without_choice(going_on, offered_blocks()).select_related("session_holder")),
        without_choice(coming, offered_slots(now)).count(),
    )


def _counted(records: QuerySet[Any]) -> dict[int, int]:
    """How many of them belong to each service, by its id."""
    linked = records.filter(healthcare_service__isnull=False).order_by()
    return dict(linked.values_list("healthcare_service").annotate(number=Count("pk")))


def templates_going_on(*, organisation: Organisation, today: date) -> QuerySet[SessionTemplate]:
    """Templates that have not ended."""
    going_on = Q(effective_to__isnull=True) | Q(effective_to__gte=today)
    return SessionTemplate.objects.filter(going_on, organisation=organisation)


def coming_sessions(*, organisation: Organisation, now: datetime) -> QuerySet[Schedule]:
    """Sessions that take place and are not over."""
    return Schedule.objects.taking_place().filter(
        organisation=organisation, date__gte=clock.today(now), end__gt=now
    )


def offered_blocks() -> QuerySet[TemplateBlock]:
    """Blocks of a template whose slots others may book."""
    return TemplateBlock.objects.filter(template=OuterRef("pk"), gp_connect_bookable=True)


def offered_slots(now: datetime) -> QuerySet[Slot]:
    """Slots of a session that others may book, now or once."""
    return Slot.objects.filter(
        schedule=OuterRef("pk"), gp_connect_bookable=True, withdrawn=False, end__gt=now
    )


def without_choice(records: QuerySet[Any], offered: QuerySet[Any]) -> Any:
    """Those of which nobody has said what service they are of, although others may book there."""
    unsaid = records.filter(healthcare_service__isnull=True, no_healthcare_service=False)
    first: Any = Subquery(offered.values("pk")[:1])
    return unsaid.annotate(one_offered=first).filter(one_offered__isnull=False)


def must_choose(session: Schedule | SessionTemplate, *, organisation: Organisation) -> bool:
    """Whether a service has to be chosen before others may book in a session (SF-009, SF-010)."""
    return organisation.filters_by_service and not session.service_is_chosen


# ---------------------------------------------------------------- as other organisations see them


class ServiceRow(NamedTuple):
    """A service as it is shown outside."""

    pk: int
    version: int
    service_id: str
    name: str
    organisation: int


def _rows(found: QuerySet[Any]) -> Any:
    return found.order_by("pk").values_list(*ServiceRow._fields)


OF_PRACTICE: dict[str, Any] = {"organisation": Number("organisation")}
SERVICES = Prepared(lambda: _rows(services(**OF_PRACTICE)))
SERVICES_BY_ID = Prepared(lambda: _rows(services(**OF_PRACTICE).filter(pk__among=Numbers("ids"))))
SERVICE_BY_SERVICE_ID = Prepared(
    lambda: _rows(
        services(**OF_PRACTICE).filter(service_id=QueryParameter("service_id", CharField()))
    )
)


def service_rows(*, organisation: Organisation) -> list[ServiceRow]:
    """Return the services that a practice shows: none while it does not filter (SF-029)."""
    if not organisation.filters_by_service:
        return []
    return [ServiceRow._make(row) for row in SERVICES.rows(organisation=organisation.pk)]


def service_rows_by_id(*, organisation: Organisation, ids: Collection[int]) -> list[ServiceRow]:
    """Return those of them that have these ids."""
    if not organisation.filters_by_service:
        return []
    rows = SERVICES_BY_ID.rows(organisation=organisation.pk, ids=ids)
    return [ServiceRow._make(row) for row in rows]


def service_rows_by_service_id(*, organisation: Organisation, service_id: str) -> list[ServiceRow]:
    """Return the one of them that the Directory of Services knows by this number."""
    if not organisation.filters_by_service:
        return []
    found = SERVICE_BY_SERVICE_ID.rows(organisation=organisation.pk, service_id=service_id)
    return [ServiceRow._make(row) for row in found]
