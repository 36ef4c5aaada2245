"""Sandboxes of suppliers: practices where nobody is real, made anew as often as anybody wants.

What other systems know a sandbox by stays what it was, however often it is reset: the ids of the
practice, its places, clinicians and described patients. Its diary does not: that begins today.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from practice import clock
from practice.exceptions import SandboxRefused
from practice.models import (
    AccessProfile,
    Appointment,
    CancellationListEntry,
    Closure,
    DiaryView,
    GenerationRun,
    HealthcareService,
    Organisation,
    Patient,
    PatientNote,
    Promise,
    Rehearsal,
    SandboxExchange,
    Schedule,
    Series,
    SessionTemplate,
    Slot,
    SlotType,
)
from practice.services.audit.recording import Actor, record_done, storable
from practice.services.enablement import switch
from practice.services.generation.runs import generate
from practice.services.loading import load_practices
from practice.services.locks import lock_practice

MADE, RESET, REMOVED = "sandbox.made", "sandbox.reset", "sandbox.removed"
KEPT = 200  # exchanges of a sandbox, the latest
LONGEST = 20_000  # characters of a body that are kept

# Whoever is not in the diary is not removed with it. An order in which nothing is needed any more.
IN_DIARY: tuple[type[models.Model], ...] = (
    CancellationListEntry,
    Appointment,
    Series,
    Slot,
    Schedule,
)
PLANNED: tuple[type[models.Model], ...] = (
    SessionTemplate,
    HealthcareService,
    Closure,
    Promise,
    DiaryView,
    GenerationRun,
    AccessProfile,
    SlotType,
)


@dataclass(frozen=True)
class Described:
    """What a sandbox becomes: a practice file, whom it describes, and how far the diary goes.

    ``book`` puts some appointments into the new diary. It may call services; all is one change.
    """

    supplier: str
    ods_code: str
    content: str
    nhs_numbers: frozenset[str]
    weeks: int
    book: Callable[[Organisation, datetime], Any] = field(compare=False)


@transaction.atomic
def make(described: Described, *, actor: Actor, now: datetime) -> Organisation:
    """Make a supplier's sandbox, or bring a removed one back; one that is there is reset.

    Raises FilesRefused, such as where the ODS code is that of a real practice.
    """
    here = Organisation.objects.filter(ods_code=described.ods_code).first()
    if here is not None and here.sandbox_of == described.supplier:
        return reset(here, described, actor=actor, now=now)
    return _fill(described, MADE, actor=actor, now=now)


@transaction.atomic
def reset(
    organisation: Organisation, described: Described, *, actor: Actor, now: datetime
) -> Organisation:
    """Make a sandbox what it is described as, with a diary that begins today.

    Requests go on meanwhile. Whoever is booking is done before it, or finds the slot gone. Raises
    SandboxRefused for a real practice.
    """
    locked = lock_practice(organisation)
    _check(locked)
    _empty(locked, but=described.nhs_numbers)
    return _fill(described, RESET, actor=actor, now=now)


@transaction.atomic
def remove(organisation: Organisation, *, actor: Actor, now: datetime) -> None:
    """Switch a sandbox off, and remove its diary, its patients and what it was sent.

    The practice itself stays, as its audit trail does: it can be made again, by its ODS code.
    Raises SandboxRefused for a real practice.
    """
    locked = lock_practice(organisation)
    _check(locked)
    off = {"gp_connect_enabled": False, "appointment_management_enabled": False}
    switch(organisation=locked, actor=actor, now=now, **off)
    _empty(locked, but=frozenset())
    SandboxExchange.objects.filter(organisation=locked).delete()
    record_done(REMOVED, locked, actor=actor, now=now, detail={"supplier": locked.sandbox_of})


def _check(organisation: Organisation) -> None:
    if not organisation.sandbox_of:
        raise SandboxRefused(f"{organisation} is a real practice, and not to be touched.")


def _empty(organisation: Organisation, *, but: frozenset[str]) -> None:
    """Remove the diary, what it was made of, and all patients but those with these NHS numbers."""
    of_it = {"organisation": organisation}
    # In the order of bookings, which wait here for this to end, and find nothing then.
    list(Slot.with_tests.filter(**of_it).select_for_update(no_key=True).order_by("pk"))
    Appointment.with_tests.filter(**of_it).update(moved_from=None)
    for model in IN_DIARY:
        getattr(model, "with_tests", model._default_manager).filter(**of_it).delete()
    for model in PLANNED:
        model._default_manager.filter(**of_it).delete()
    patients = Patient.with_tests.filter(**of_it)
    patients.exclude(nhs_number__in=but, rehearsal=None).delete()
    PatientNote.objects.filter(patient__organisation=organisation).delete()
    came_back = patients.filter(registered_via=Patient.Source.GP_CONNECT)
    came_back.update(registered_via=Patient.Source.PRACTICE, registration_provenance={})
    Rehearsal.objects.filter(**of_it).delete()
    begun = {
        **dict.fromkeys(("bank_holidays_seeded_to", "rehearsing_until", "diary_complete_from")),
        "service_filtering_enabled": False,
    }
    Organisation.objects.filter(pk=organisation.pk).update(**begun)


def _fill(described: Described, event: str, *, actor: Actor, now: datetime) -> Organisation:
    (loaded,) = load_practices(
        files={f"sandbox of {described.supplier}": described.content},
        sandbox_of=described.supplier,
        actor=actor,
        now=now,
    )
    organisation = loaded.organisation
    on = {"gp_connect_enabled": True, "appointment_management_enabled": True}
    switch(organisation=organisation, actor=actor, now=now, **on)
    today = clock.today(now)
    last = today + timedelta(weeks=described.weeks)
    generate(organisation=organisation, from_date=today, to_date=last, actor=actor, now=now)
    described.book(organisation, now)
    detail = {"supplier": described.supplier, "from": str(today), "to": str(last)}
    record_done(event, organisation, actor=actor, now=now, detail=detail)
    return organisation


# ---------------------------------------------------------------- what passed over the wire


@dataclass(frozen=True)
class Passed:
    """A request and its answer, as they were on the wire."""

    request_headers: dict[str, str]
    request_body: str
    response_headers: dict[str, str]
    response_body: str


@transaction.atomic
def keep_exchange(organisation: Organisation, key: str, passed: Passed) -> None:
    """Keep what a supplier sent to their sandbox and was answered, and forget what is long past.

    ``key`` is what the event of the trail calls it. Raises SandboxRefused for a real practice: what
    is sent there is kept nowhere.
    """
    _check(organisation)
    SandboxExchange.objects.create(
        organisation=organisation,
        key=key,
        request_headers=storable(passed.request_headers),
        request_body=_short(passed.request_body),
        response_headers=storable(passed.response_headers),
        response_body=_short(passed.response_body),
    )
    kept = SandboxExchange.objects.filter(organisation=organisation).order_by("-pk")
    last = kept.values_list("pk", flat=True)[KEPT : KEPT + 1].first()
    if last is not None:
        old = kept.filter(pk__lte=last).order_by("pk").select_for_update(skip_locked=True)
        kept.filter(pk__in=list(old.values_list("pk", flat=True))).delete()


def _short(body: str) -> str:
    more = len(body) - LONGEST
    kept: str = storable(body[:LONGEST])
    return f"{kept}\n… and {more:,} characters more" if more > 0 else kept
