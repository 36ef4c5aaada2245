"""A file from its upload to its end: kept, shown, confirmed, imported, interrupted, removed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice.exceptions import NotFound, SheetRefused, SheetUnreadable
from practice.models import AuditEvent, Patient, SheetImport
from practice.services.audit.recording import Actor
from practice.services.sheets import imports
from practice.services.sheets.imports import cancel, confirm, forget_files, go_on, plan, run, upload
from practice.services.sheets.planning import Kind
from workbench.factories import make_organisation, make_patient, new_nhs_number

pytestmark = pytest.mark.django_db
ACTOR = Actor(door="staff", user_id="ada", name="Ada")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(Kind, "most_rows", 2)


def csv_of(*numbers: str, name: str = "Fauxley") -> bytes:
    lines = [f"{number},{name},1980-02-29" for number in numbers]
    return "\n".join(["NHS number,Family name,Date of birth", *lines]).encode()


def uploaded(practice, content: bytes, name: str = "patients.csv") -> SheetImport:
    return upload(
        organisation=practice.organisation,
        kind="patients",
        file_name=name,
        content=content,
        uploaded_by=User.objects.create_user(f"ada{User.objects.count()}"),
        actor=ACTOR,
        now=timezone.now(),
    )


def change(what, sheet: SheetImport, **more):
    return what(
        organisation=sheet.organisation,
        sheet_id=sheet.pk,
        actor=ACTOR,
        now=timezone.now(),
        **more,
    )


def confirmed(sheet: SheetImport) -> SheetImport:
    return change(confirm, sheet, digest=plan(sheet, now=timezone.now()).digest)


def carried_out(sheet: SheetImport) -> SheetImport:
    return run(organisation=sheet.organisation, sheet_id=sheet.pk, clock=timezone.now)


def is_kept(sheet: SheetImport) -> bool:
    return imports.uploads().exists(sheet.stored_as)


def events() -> list[str]:
    found = AuditEvent.objects.filter(event__startswith="spreadsheet.").order_by("pk")
    return [each.event.removeprefix("spreadsheet.") for each in found]


def test_a_file_is_kept_until_it_is_imported(practice, django_capture_on_commit_callbacks):
    sheet = uploaded(practice, csv_of(*(new_nhs_number() for _ in range(5))))
    assert is_kept(sheet)
    assert Patient.objects.count() == 1

    confirmed(sheet)
    with django_capture_on_commit_callbacks(execute=True):
        done = carried_out(sheet)

    assert (done.status, done.rows_done, done.created, done.changed) == ("done", 5, 5, 0)
    assert Patient.objects.count() == 6
    assert not is_kept(sheet)
    assert done.stored_as == ""
    assert events() == ["upload", "confirm", "done"]


def test_nothing_is_imported_of_a_file_with_a_fault(practice):
    sheet = uploaded(practice, csv_of(new_nhs_number(), "123"))

    with pytest.raises(SheetRefused, match="while a row is wrong"):
        confirmed(sheet)

    assert plan(sheet, now=timezone.now()).count("wrong") == 1
    assert Patient.objects.count() == 1


def test_only_what_was_shown_is_done(practice):
    patient = make_patient()
    sheet = uploaded(practice, csv_of(patient.nhs_number, name="Other"))
    digest = plan(sheet, now=timezone.now()).digest
    Patient.objects.filter(pk=patient.pk).update(family_name="Changed")

    with pytest.raises(SheetRefused, match="have changed since you looked"):
        change(confirm, sheet, digest=digest)


def test_an_import_stops_at_a_row_that_has_become_wrong_and_goes_on_when_it_is_not(practice):
    patient = make_patient(nhs_number=None, nhs_number_verification="03", family_name="Elsewho")
    numbers = [new_nhs_number() for _ in range(4)]
    sheet = confirmed(uploaded(practice, csv_of(*numbers)))
    Patient.objects.filter(pk=patient.pk).update(family_name="Fauxley", given_names="")

    stopped = carried_out(sheet)

    assert (stopped.status, stopped.rows_done) == ("stopped", 0)
    assert stopped.error.startswith("Row 2: NHS number: record")
    Patient.objects.filter(pk=patient.pk).update(family_name="Elsewho")
    change(go_on, stopped)
    assert carried_out(sheet).status == "done"
    assert Patient.objects.filter(nhs_number__in=numbers).count() == 4
    assert events() == ["upload", "confirm", "stop", "continue", "done"]


def test_whoever_goes_on_with_an_interrupted_import_neither_leaves_out_nor_repeats(
    practice, monkeypatch
):
    sheet = confirmed(uploaded(practice, csv_of(*(new_nhs_number() for _ in range(5)))))
    rows = imports.rows_of(sheet)
    assert imports._import_chunk(practice.organisation, sheet.pk, rows, timezone.now())
    SheetImport.objects.update(seen_at=timezone.now() - timedelta(minutes=2))

    call_command("import_sheets", verbosity=0)

    sheet.refresh_from_db()
    assert (sheet.status, sheet.rows_done, sheet.created) == ("done", 5, 5)
    assert Patient.objects.count() == 6


def test_an_import_that_somebody_is_at_is_left_to_them(practice):
    sheet = confirmed(uploaded(practice, csv_of(new_nhs_number())))

    call_command("import_sheets", verbosity=0)

    sheet.refresh_from_db()
    assert sheet.status == "running"
    call_command("import_sheets", only=sheet.pk, verbosity=0)
    sheet.refresh_from_db()
    assert sheet.status == "done"


def test_a_file_that_has_gone_stops_the_import_in_words(practice):
    sheet = confirmed(uploaded(practice, csv_of(new_nhs_number())))
    imports.uploads().delete(sheet.stored_as)

    with pytest.raises(CommandError):
        call_command("import_sheets", only=sheet.pk, verbosity=0)

    sheet.refresh_from_db()
    assert (sheet.status, sheet.error) == (
        "stopped",
        "The file is no longer there: upload it again.",
    )


@pytest.mark.parametrize("how", ["cancelled", "forgotten"])
def test_a_file_that_nobody_imports_is_removed(practice, how, django_capture_on_commit_callbacks):
    sheet, fresh = (uploaded(practice, csv_of(new_nhs_number())) for _ in range(2))
    with django_capture_on_commit_callbacks(execute=True):
        if how == "cancelled":
            change(cancel, sheet)
        else:
            old = timezone.now() - timedelta(hours=5)
            SheetImport.objects.filter(pk=sheet.pk).update(seen_at=old)
            assert forget_files(actor=ACTOR, now=timezone.now()) == 1

    assert not is_kept(sheet)
    assert is_kept(fresh)
    sheet.refresh_from_db()
    assert sheet.status == "cancelled"
    with pytest.raises((SheetRefused, SheetUnreadable)):
        confirmed(sheet)


def test_a_running_import_is_not_cancelled_and_none_begins_twice(practice):
    sheet = uploaded(practice, csv_of(new_nhs_number()))
    digest = plan(sheet, now=timezone.now()).digest
    change(confirm, sheet, digest=digest)

    with pytest.raises(SheetRefused, match="running"):
        change(cancel, sheet)
    with pytest.raises(SheetRefused, match="running"):
        change(confirm, sheet, digest=digest)


def test_another_practice_has_no_such_import(practice):
    sheet = uploaded(practice, csv_of(new_nhs_number()))
    sheet.organisation = make_organisation()

    with pytest.raises(NotFound):
        change(cancel, sheet)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Family name,Date of birth", "nothing below the headings"),
        (b"Family name\nFauxley", "no column “Date of birth” in row 1"),
        (b"Family name,Date of birth,Shoe size\na,b,c", "“Shoe size” is none of ours"),
        (b"Family name,Date of birth,family  NAME\na,b,c", "“Family name” is there twice"),
    ],
)
def test_a_file_without_our_headings_is_not_kept(practice, content, said):
    with pytest.raises(SheetUnreadable, match=said):
        uploaded(practice, content)

    assert not SheetImport.objects.exists()
