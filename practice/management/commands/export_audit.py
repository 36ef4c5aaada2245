"""Write a range of the audit trail, or one patient's access history, as CSV or JSON."""

import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice import clock, nhs_number
from practice.exceptions import PatientNotFound
from practice.management.operator import OperatorCommand, operator
from practice.reads.directory import practice_by_ods_code
from practice.services.audit import exporting


def patient_number(text: str) -> str:
    """An NHS number as an argument, with or without spaces."""
    number = text.replace(" ", "")
    if not nhs_number.is_valid(number):
        raise ArgumentTypeError("this is not an NHS number")
    return number


class Command(OperatorCommand):
    help = (
        "Write a practice's audit events of a range of dates, or those that concern one patient."
        " The export itself is recorded in the trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", required=True)
        parser.add_argument("--from", dest="from_date", type=clock.read_date, metavar="DATE")
        parser.add_argument("--to", dest="to_date", type=clock.read_date, metavar="DATE")
        parser.add_argument("--patient", type=patient_number, metavar="NHS_NUMBER")
        parser.add_argument("--format", choices=exporting.WRITERS, default="csv")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="a new file, for its owner's eyes only"
        )

    def handle(self, *args: Any, practice: str, output: Path | None, **options: Any) -> None:
        organisation = practice_by_ods_code(practice)
        if organisation is None:
            raise CommandError(f"No practice has the ODS code {practice}.")

        def export(file: TextIO) -> int:
            return exporting.export(
                organisation=organisation,
                output=file,
                format=options["format"],
                actor=operator("export_audit"),
                now=timezone.now(),
                search=exporting.Search(
                    from_date=options["from_date"],
                    to_date=options["to_date"],
                    nhs_number=options["patient"] or "",
                ),
            )

        try:
            if output is None:
                export(self.stdout)  # type: ignore[arg-type]
                return
            with new_file(output) as file:
                count = export(file)
        except PatientNotFound as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} events written to {output}")


def new_file(path: Path) -> TextIO:
    """Open a new file that only its owner may read: what goes in is about patients."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    return os.fdopen(number, "w", encoding="utf-8", newline="")
