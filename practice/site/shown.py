"""The audit of what a page showed: which patients, to whom."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from practice.models import Organisation
from practice.services.audit.recording import Actor, record_done


def record_shown(
    event: str,
    patients: Iterable[int | None],
    *,
    practice: Organisation,
    actor: Actor,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add to the trail that a page named these patients: one event, each id once, in order.

    ``event`` is such as "clinic_list.viewed"; ``detail`` says what else the page was about. A page
    about one record uses ``record_done`` with that record.
    """
    shown = sorted({patient for patient in patients if patient})
    record_done(
        event,
        actor=actor,
        now=now,
        practice=practice,
        detail={**(detail or {}), "patients": shown},
    )
