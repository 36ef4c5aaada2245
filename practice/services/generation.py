"""Turning templates into a diary: plan first, then apply (see DESIGN, "Generating slots")."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from practice.models import GenerationRun, Organisation
from practice.services.audit import Actor


def plan(
    *,
    organisation: Organisation,
    from_date: date,
    to_date: date,
    now: datetime,
    template_ids: Iterable[int] | None = None,
) -> Any:
    """Say what generating would do, and write nothing. ``template_ids``: only these templates."""
    raise NotImplementedError


def apply(
    shown: Any,
    *,
    organisation: Organisation,
    actor: Actor,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> GenerationRun:
    """Execute the plan that was shown and no other. Raises PlanChanged, having changed nothing."""
    raise NotImplementedError


def generate(
    *,
    organisation: Organisation,
    from_date: date,
    to_date: date,
    actor: Actor,
    now: datetime,
    template_ids: Iterable[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> GenerationRun:
    """Bring the diary of these dates in line with the templates; ``progress`` counts days done."""
    raise NotImplementedError
