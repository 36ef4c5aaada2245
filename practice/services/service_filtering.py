"""Service filtering: the supplier's switch, a practice's services, and which session is of which.

The practice's own switch is turned with those of GP Connect (practice.services.enablement).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from practice import clock
from practice.db.row_security import across_practices
from practice.exceptions import DiaryRefused, NotFound, ServiceRefused, SwitchRefused
from practice.models import (
    Appointment,
    HealthcareService,
    Organisation,
    Schedule,
    ServiceFilteringSwitch,
    SessionTemplate,
)
from practice.reads import service_filtering
from practice.reads.service_filtering import HERE, SUPPLIER_EVENT, State, open_at
from practice.services.audit.changes import changes_between, stored_values
from practice.services.audit.recording import Actor, Facts, record, record_all, record_done
from practice.services.locks import lock_practice

FIELDS = ("service_id", "name")
NOT_THERE = "There is no such service at this practice."

# ---------------------------------------------------------------- the supplier's switch


def turn_supplier_switch(
    *, state: str, ods_codes: Iterable[str], actor: Actor, now: datetime
) -> ServiceFilteringSwitch:
    """Set the supplier's switch and its list of practices; it holds from the next request on.

    Who may is the caller's to decide (SF-002). A change is written into the trail of no practice,
    with what it was before, and into that of each practice that it opens or closes. Raises
    SwitchRefused for a state that is none, and for a practice that is not here.
    """
    if state not in State.values:
        raise SwitchRefused("Choose one of the three states.")
    with across_practices(), transaction.atomic():
        wanted = sorted({code.strip().upper() for code in ods_codes} - {""})
        here = service_filtering.practices_by_ods_code(wanted)
        if unknown := [code for code in wanted if code not in here]:
            raise SwitchRefused(f"There is no practice here with the code {', '.join(unknown)}.")
        ServiceFilteringSwitch.objects.get_or_create(pk=ServiceFilteringSwitch.ONLY)
        locked = ServiceFilteringSwitch.objects.select_for_update(no_key=True)
        stored = locked.get(pk=ServiceFilteringSwitch.ONLY)
        before = ServiceFilteringSwitch(state=stored.state, ods_codes=stored.ods_codes)
        stored.state, stored.ods_codes = state, wanted
        changes = changes_between(before, stored, ("state", "ods_codes"))
        if changes:
            stored.save()
            told = {"changes": changes}
            facts = Facts(actor=actor, event=SUPPLIER_EVENT, outcome="ok", now=now, detail=told)
            record(organisation=None, **facts)
        record_all(
            (
                practice.pk,
                Facts(
                    actor=actor,
                    event=SUPPLIER_EVENT,
                    outcome="ok",
                    now=now,
                    resource=f"Organization/{practice.pk}",
                    detail={"changes": {"service_filtering_open": {"from": was, "to": becomes}}},
                ),
            )
            for practice, was, becomes in _note_at_practices(stored, now=now)
        )
    return stored


def _note_at_practices(
    switch: ServiceFilteringSwitch, *, now: datetime
) -> list[tuple[Organisation, str, str]]:
    """Note at each practice what the switch says of it; return where that differs, from and to."""
    turned = [
        (practice, practice.service_filtering_open, becomes)
        for practice in Organisation.objects.order_by("pk")
        if (becomes := open_at(practice, switch)) != practice.service_filtering_open
    ]
    for value in {becomes for _, _, becomes in turned}:
        ids = [practice.pk for practice, _, becomes in turned if becomes == value]
        changed = Organisation.objects.filter(pk__in=ids)
        changed.update(service_filtering_open=value, updated_at=now)
    for practice, was, becomes in turned:
        if practice.service_filtering_enabled and HERE in (was, becomes):
            show_anew(practice, now=now)
    return turned


def note_at_new_practice(organisation: Organisation) -> None:
    """Note at a practice that has just been made what the supplier's switch says of it.

    Whatever makes one calls it, in its own transaction.
    """
    becomes = open_at(organisation, service_filtering.supplier_switch())
    if becomes != organisation.service_filtering_open:
        organisation.service_filtering_open = becomes
        Organisation.objects.filter(pk=organisation.pk).update(service_filtering_open=becomes)


def show_anew(organisation: Organisation, *, now: datetime) -> None:
    """Count up the versions of whatever shows its service, since that has come or gone (GEN-032).

    Sessions and appointments to come only: those of the past are not shown. The appointments are
    locked by id, as everywhere.
    """
    linked = Schedule.objects.filter(
        organisation=organisation, end__gt=now, healthcare_service__isnull=False
    )
    _count_up(linked, now=now)


def _count_up(sessions: Any, *, now: datetime, themselves: bool = True) -> int:
    ids = list(sessions.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    booked = Appointment.objects.filter(schedule__in=ids)
    list(booked.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    again = {"version": F("version") + 1, "updated_at": now}
    if themselves:
        Schedule.objects.filter(pk__in=ids).update(**again)
    return booked.update(**again)


def tell_appointments(schedule: Schedule, *, now: datetime) -> int:
    """Count up the versions of a session's appointments, where they show its service."""
    if not schedule.organisation.filters_by_service:
        return 0
    return _count_up(Schedule.objects.filter(pk=schedule.pk), now=now, themselves=False)


# ---------------------------------------------------------------- the services of a practice


@transaction.atomic
def save_service(service: HealthcareService, *, actor: Actor, now: datetime) -> HealthcareService:
    """Store a new service, or a changed one. Raises ServiceRefused, NotFound."""
    stored = _locked(service) if service.pk else None
    service.name = " ".join(service.name.split())
    service.service_id = service.service_id.strip()
    try:
        service.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise ServiceRefused(" ".join(error.messages)) from None
    changes = changes_between(stored, service, FIELDS)
    if not changes:
        return service
    if stored:
        service.version = stored.version + 1
    try:
        with transaction.atomic():
            service.save()
    except IntegrityError:
        raise ServiceRefused(
            f"There is a service with the ID {service.service_id} in the list already."
        ) from None
    event = "healthcareservice.change" if stored else "healthcareservice.add"
    record_done(event, service, actor=actor, now=now, detail={"changes": changes})
    return service


@transaction.atomic
def remove_service(service: HealthcareService, *, actor: Actor, now: datetime) -> None:
    """Take a service off the list; what belonged to it belongs to none that anybody has chosen.

    While the practice filters, nothing that others may book is left without a choice (SF-009), and
    the last service stays (SF-005). Raises ServiceRefused, NotFound.
    """
    organisation = Organisation.objects.get(pk=service.organisation_id)
    lock_practice(organisation)  # no session is made of it meanwhile
    stored = _locked(service)
    templates = SessionTemplate.objects.filter(organisation=organisation, healthcare_service=stored)
    sessions = Schedule.with_tests.filter(organisation=organisation, healthcare_service=stored)
    if organisation.service_filtering_enabled:
        services = HealthcareService.objects.filter(organisation=organisation)
        if not services.exclude(pk=stored.pk).exists():
            raise ServiceRefused(
                "It is the last service of the list. Switch service filtering off first."
            )
        coming = sessions.filter(withdrawn=False, end__gt=now).count()
        today = clock.today(now)
        here = service_filtering.templates_going_on(organisation=organisation, today=today)
        if going_on := here.filter(healthcare_service=stored).count():
            raise ServiceRefused(
                f"{_number(going_on, 'template')} still belong to it. Choose another service there,"
                " and apply them."
            )
        if coming:
            raise ServiceRefused(
                f"{_number(coming, 'coming session')} still belong to it. Choose another service"
                " there first."
            )
    detail = {
        "removed": stored_values(stored),
        "links": {"templates": templates.count(), "sessions": sessions.count()},
    }
    templates.update(healthcare_service=None)
    sessions.update(healthcare_service=None)
    record_done("healthcareservice.delete", stored, actor=actor, now=now, detail=detail)
    stored.delete()


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _locked(service: HealthcareService) -> HealthcareService:
    rows = HealthcareService.objects.filter(
        organisation=service.organisation_id, pk=service.pk
    ).select_for_update(no_key=True)
    stored = rows.first()
    if stored is None:
        raise NotFound(NOT_THERE)
    return stored


# ---------------------------------------------------------------- which session is of which


class ServiceChoice(NamedTuple):
    """What somebody has said of a session: of this service, of none, or (neither) nothing yet."""

    healthcare_service_id: int | None = None
    no_healthcare_service: bool = False


NOTHING_CHOSEN = ServiceChoice()
CHOOSE = "Choose the service that it belongs to, or “Not applicable”."


def check_choice(
    organisation: Organisation, session: Schedule | SessionTemplate, *, is_offered: bool
) -> None:
    """Raise where the service is none of the practice's, or has yet to be chosen.

    ``is_offered``: whether others may book in it; then the choice is due while the practice filters
    (SF-009, SF-010). Raises NotFound, DiaryRefused.
    """
    pk = session.healthcare_service_id
    if pk and session.no_healthcare_service:
        raise DiaryRefused("Choose a service, or “Not applicable”: not both.")
    if pk and service_filtering.service_of(organisation=organisation, pk=pk) is None:
        raise NotFound(NOT_THERE)
    if is_offered and service_filtering.must_choose(session, organisation=organisation):
        raise DiaryRefused(CHOOSE)


def choose_for_sessions(
    schedules: Iterable[Schedule],
    choice: ServiceChoice,
    *,
    organisation: Organisation,
    actor: Actor,
    now: datetime,
) -> None:
    """Say of sessions without a choice which service they are of. Call under the practice's lock.

    Raises NotFound, DiaryRefused.
    """
    for schedule in schedules:
        if schedule.service_is_chosen:
            continue
        schedule.healthcare_service_id, schedule.no_healthcare_service = choice
        check_choice(organisation, schedule, is_offered=True)
        changed = changes_between(
            Schedule(pk=schedule.pk), schedule, ("healthcare_service", "no_healthcare_service")
        )
        schedule.changed_by_hand = True
        schedule.version += 1
        columns = ["healthcare_service", "no_healthcare_service", "changed_by_hand"]
        schedule.save(update_fields=[*columns, "version", "updated_at"])
        tell_appointments(schedule, now=now)
        detail = {"changes": changed}
        record_done("schedule.change", schedule, actor=actor, now=now, detail=detail)
