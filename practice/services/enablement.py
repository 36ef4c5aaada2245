"""The switches by which a practice opens itself to other organisations, or closes itself.

Past states are looked up in the trail: each switch that really changes is an event of its own there
(ENA-006, SF-011).
"""

from datetime import datetime

from django.db import transaction

from practice.exceptions import SwitchRefused
from practice.models import HealthcareService, Organisation
from practice.reads.service_filtering import is_open
from practice.services.audit.recording import Actor, record_done
from practice.services.service_filtering import show_anew


@transaction.atomic
def switch(
    *,
    organisation: Organisation,
    actor: Actor,
    now: datetime,
    gp_connect_enabled: bool | None = None,
    appointment_management_enabled: bool | None = None,
    service_filtering_enabled: bool | None = None,
) -> Organisation:
    """Turn GP Connect, appointment management within it, or service filtering on or off.

    None leaves a switch as it is. It holds from the next request on: nobody keeps a copy (ENA-007).
    Who may is the caller's to decide. Each switch that really changes is audited by itself, from
    and to (ENA-006, SF-004). Raises SwitchRefused where service filtering cannot be on (SF-005).
    """
    stored = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    for name, wanted in (
        ("gp_connect_enabled", gp_connect_enabled),
        ("appointment_management_enabled", appointment_management_enabled),
        ("service_filtering_enabled", service_filtering_enabled),
    ):
        before: bool = getattr(stored, name)
        if wanted is None or wanted == before:
            continue
        if name == "service_filtering_enabled" and wanted and (why := why_not_filter(stored)):
            raise SwitchRefused(why)
        Organisation.objects.filter(pk=organisation.pk).update(**{name: wanted}, updated_at=now)
        setattr(organisation, name, wanted)
        setattr(stored, name, wanted)
        changes = {name: {"from": before, "to": wanted}}
        record_done(
            "organisation.switch", organisation, actor=actor, now=now, detail={"changes": changes}
        )
        if name == "service_filtering_enabled":
            show_anew(organisation, now=now)
    return organisation


def filter_if_possible(organisation: Organisation, *, actor: Actor, now: datetime) -> str:
    """Switch service filtering on; return what keeps it off, if anything does."""
    why = why_not_filter(organisation)
    if not why:
        switch(organisation=organisation, service_filtering_enabled=True, actor=actor, now=now)
    return why


def why_not_filter(organisation: Organisation) -> str:
    """Say what keeps service filtering from being switched on; empty: nothing does."""
    if not is_open(organisation):
        return "Service filtering is not open to this practice."
    if not organisation.gp_connect_enabled:
        return "GP Connect is switched off. Switch it on first."
    if not organisation.appointment_management_enabled:
        return "GP Connect appointment management is switched off. Switch it on first."
    if not HealthcareService.objects.filter(organisation=organisation).exists():
        return "The list of services is empty. Set up your services first."
    return ""
