"""The two switches by which a practice opens itself to other organisations, or closes itself."""

from datetime import datetime

from django.db import transaction

from practice.models import Organisation
from practice.services.audit.recording import Actor, record_done


@transaction.atomic
def switch(
    *,
    organisation: Organisation,
    actor: Actor,
    now: datetime,
    gp_connect_enabled: bool | None = None,
    appointment_management_enabled: bool | None = None,
) -> Organisation:
    """Turn GP Connect, or appointment management within it, on or off; None leaves it as it is.

    It holds from the next request on: nobody keeps a copy (ENA-007). Who may is the caller's to
    decide. Each switch that really changes is audited by itself, from and to (ENA-006).
    """
    stored = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    for name, wanted in (
        ("gp_connect_enabled", gp_connect_enabled),
        ("appointment_management_enabled", appointment_management_enabled),
    ):
        before: bool = getattr(stored, name)
        if wanted is None or wanted == before:
            continue
        Organisation.objects.filter(pk=organisation.pk).update(**{name: wanted}, updated_at=now)
        setattr(organisation, name, wanted)
        changes = {name: {"from": before, "to": wanted}}
        record_done(
            "organisation.switch", organisation, actor=actor, now=now, detail={"changes": changes}
        )
    return organisation
