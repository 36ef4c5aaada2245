"""Templates: a session that repeats, with its blocks, is written here, ended, or removed.

The diary follows only when the template is applied (services.generation).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from practice.exceptions import (
    DiaryRefused,
    LocationNotFound,
    NotFound,
    PractitionerNotFound,
    ReferenceNotFound,
)
from practice.models import Organisation, Schedule, SessionTemplate, TemplateBlock
from practice.reads import directory, slot_types
from practice.services.audit.changes import changes_between, stored_values
from practice.services.audit.recording import Actor, record_done
from practice.services.service_filtering import check_choice
from practice.services.slot_types import keep_known

NOT_THERE = "There is no such template at this practice."


@transaction.atomic
def save_template(
    *,
    template: SessionTemplate,
    blocks: Sequence[TemplateBlock],
    actor: Actor,
    now: datetime,
    cloned_from: int | None = None,
) -> SessionTemplate:
    """Save a new template, or a stored one with its new values; ``blocks`` are its blocks now.

    Stored blocks that are not among them are removed. Nothing is written, and no event, where
    nothing differs. Raises NotFound, DiaryRefused, LocationNotFound, PractitionerNotFound,
    ReferenceNotFound.
    """
    stored = _locked(template.organisation, template.pk) if template.pk else None
    _check(template, blocks)
    keep_known(template.organisation, (block.slot_type for block in blocks))
    changes = changes_between(stored, template, _own_fields(SessionTemplate))
    if stored is None:
        template.save()
    elif changes:
        template.save(update_fields=list(changes))
    detail: dict[str, Any] = {"changes": changes} if changes else {}
    if records := _save_blocks(template, blocks):
        detail["records"] = records
    if cloned_from:
        detail["cloned_from"] = cloned_from
    if stored is None or detail:
        event = "sessiontemplate.change" if stored else "sessiontemplate.add"
        record_done(event, template, actor=actor, now=now, detail=detail)
    return template


@transaction.atomic
def end_template(
    *,
    organisation: Organisation,
    template_id: int,
    last_date: date,
    actor: Actor,
    now: datetime,
) -> SessionTemplate:
    """Let a template run for the last time on or before a date; earlier sessions stay.

    Raises NotFound, DiaryRefused.
    """
    template = _locked(organisation, template_id)
    before = SessionTemplate(effective_to=template.effective_to)
    template.effective_to = last_date
    _check_dates(template)
    if changes := changes_between(before, template, ["effective_to"]):
        template.save(update_fields=["effective_to"])
        record_done(
            "sessiontemplate.change", template, actor=actor, now=now, detail={"changes": changes}
        )
    return template


@transaction.atomic
def remove_template(
    *, organisation: Organisation, template_id: int, actor: Actor, now: datetime
) -> None:
    """Remove a template that no session has ever been made from. Raises NotFound, DiaryRefused."""
    template = _locked(organisation, template_id)
    if Schedule.objects.filter(template=template).exists():
        raise DiaryRefused("Sessions have been made from this template: end it instead.")
    detail = {"removed": stored_values(template)}
    record_done("sessiontemplate.delete", template, actor=actor, now=now, detail=detail)
    template.delete()


# ---------------------------------------------------------------- checks


def _locked(organisation: Organisation, pk: int) -> SessionTemplate:
    rows = SessionTemplate.objects.filter(organisation=organisation, pk=pk)
    template = rows.select_for_update(no_key=True).first()
    if template is None:
        raise NotFound(NOT_THERE)
    return template


def _check(template: SessionTemplate, blocks: Sequence[TemplateBlock]) -> None:
    """Refuse what belongs to another practice, and dates in the wrong order."""
    practice = template.organisation
    if template.location.organisation_id != practice.pk:
        raise LocationNotFound
    holder = template.session_holder_id
    here = directory.practitioners(organisation=practice)
    if holder and not here.filter(pk=holder).exists():
        raise PractitionerNotFound
    for profile in (template.access_profile, *(block.access_profile for block in blocks)):
        if profile and profile.organisation_id != practice.pk:
            raise ReferenceNotFound("The access profile does not exist at this practice.")
    not_yet = slot_types.why_not_planned_with(
        organisation=practice, names={block.slot_type for block in blocks if block.slot_minutes}
    )
    if not_yet:
        raise DiaryRefused(" ".join(not_yet.values()))
    is_offered = any(block.gp_connect_bookable for block in blocks)
    check_choice(practice, template, is_offered=is_offered)
    _check_dates(template)


def _check_dates(template: SessionTemplate) -> None:
    if template.effective_to and template.effective_to < template.effective_from:
        raise DiaryRefused("The last date is before the first date.")


# ---------------------------------------------------------------- blocks


def _save_blocks(
    template: SessionTemplate, blocks: Sequence[TemplateBlock]
) -> list[dict[str, Any]]:
    """Make these the template's blocks; return what was added, changed and removed."""
    what = str(TemplateBlock._meta.verbose_name)
    fields = _own_fields(TemplateBlock)
    stored = {block.pk: block for block in TemplateBlock.objects.filter(template=template)}
    entries: list[dict[str, Any]] = []
    for block in blocks:
        before = stored.pop(block.pk, None) if block.pk else None
        if block.pk and before is None:
            raise NotFound("Somebody else has removed a block of this template meanwhile.")
        changes = changes_between(before, block, fields)
        block.template = template
        if before is None:
            block.save(force_insert=True)
            entries.append({"added": what, "id": block.pk, "changes": changes})
        elif changes:
            block.save(update_fields=list(changes))
            entries.append({"changed": what, "id": block.pk, "changes": changes})
    for block in stored.values():
        kept = {name: value for name, value in stored_values(block).items() if name in fields}
        entries.append({"removed": what, "values": kept})
    TemplateBlock.objects.filter(pk__in=stored).delete()
    return entries


def _own_fields(model: type[SessionTemplate] | type[TemplateBlock]) -> list[str]:
    """Return the names of the columns that people fill."""
    fixed = {"id", "organisation", "template"}
    return [field.name for field in model._meta.concrete_fields if field.name not in fixed]
