"""Spreadsheets that were brought in: how far each has come."""

from django.db.models import QuerySet

from practice.models import Organisation, SheetImport


def imports(*, organisation: Organisation) -> QuerySet[SheetImport]:
    """Return a practice's imports, the latest first, each with who uploaded it."""
    return (
        SheetImport.objects.filter(organisation=organisation)
        .select_related("organisation", "uploaded_by")
        .order_by("-uploaded_at", "-pk")
    )


def import_of(*, organisation: Organisation, pk: int) -> SheetImport | None:
    """Return one of the practice's imports."""
    return imports(organisation=organisation).filter(pk=pk).first()


def running(pk: int) -> list[SheetImport]:
    """Return an import, of whichever practice in reach, if it runs."""
    found = SheetImport.objects.filter(pk=pk, status=SheetImport.Status.RUNNING)
    return list(found.select_related("organisation"))
