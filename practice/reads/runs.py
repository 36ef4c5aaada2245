"""Generation runs: what became of the templates."""

from django.db.models import QuerySet

from practice.models import GenerationRun, Organisation


def runs(*, organisation: Organisation) -> QuerySet[GenerationRun]:
    """Return a practice's runs, the latest first, each with who started it."""
    return (
        GenerationRun.objects.filter(organisation=organisation)
        .select_related("started_by")
        .order_by("-started_at", "-pk")
    )


def run_of(*, organisation: Organisation, pk: int) -> GenerationRun | None:
    """Return one of the practice's runs."""
    return runs(organisation=organisation).filter(pk=pk).first()
