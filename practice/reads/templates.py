"""Templates and their blocks: what a practice has planned to repeat."""

from datetime import date

from django.db.models import Prefetch, Q, QuerySet

from practice.models import (
    Organisation,
    Schedule,
    SessionTemplate,
    TemplateBlock,
)


def templates(*, organisation: Organisation) -> QuerySet[SessionTemplate]:
    """Return a practice's templates, each with whose and where."""
    return SessionTemplate.objects.filter(organisation=organisation).select_related(
        "session_holder", "location", "access_profile"
    )


def template_of(*, organisation: Organisation, pk: int) -> SessionTemplate | None:
    """Return one of the practice's templates."""
    return templates(organisation=organisation).filter(pk=pk).first()


def blocks_in_order() -> QuerySet[TemplateBlock]:
    """Return the blocks of any templates as their sessions run, each with its access profile."""
    return TemplateBlock.objects.select_related("access_profile").order_by("position", "start")


def with_blocks(found: QuerySet[SessionTemplate]) -> QuerySet[SessionTemplate]:
    """Fetch the blocks of all these templates with one query."""
    return found.prefetch_related(Prefetch("blocks", blocks_in_order()))


def going_on(today: date) -> Q:
    """Return the condition for templates that have not ended before a day."""
    return Q(effective_to__isnull=True) | Q(effective_to__gte=today)


def sessions_made_from(template: SessionTemplate) -> QuerySet[Schedule]:
    """Return the sessions that were ever generated from a template."""
    return Schedule.objects.filter(organisation=template.organisation_id, template=template)
