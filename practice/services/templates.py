"""Copying a template, for a second surgery or the other week."""

from datetime import date, datetime

from django.db import transaction

from practice.exceptions import NotFound
from practice.models import Organisation, SessionTemplate, TemplateBlock
from practice.services.audit.recording import Actor, record_done


@transaction.atomic(savepoint=False)
def clone_template(
    *,
    organisation: Organisation,
    template_id: int,
    session_name: str,
    effective_from: date,
    actor: Actor,
    now: datetime,
) -> SessionTemplate:
    """Copy a template with all its blocks, under a name and from a date on, without a last date.

    The copy has no sessions until the diary is generated. Raises NotFound.
    """
    template = SessionTemplate.objects.filter(organisation=organisation, pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template at this practice.")
    blocks = list(template.blocks.order_by("position", "start"))
    template.pk = None
    template._state.adding = True
    template.session_name, template.effective_from = session_name, effective_from
    template.effective_to = None
    template.save()
    for block in blocks:
        block.pk, block.template = None, template
        block._state.adding = True
    TemplateBlock.objects.bulk_create(blocks)
    detail = {"cloned_from": template_id, "session_name": session_name}
    record_done("sessiontemplate.clone", template, actor=actor, now=now, detail=detail)
    return template
