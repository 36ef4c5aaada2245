"""Import FHIR STU3 into a practice: arguments in, files read, one service call, a report out."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from fhirapi.exchange.incoming.collecting import collect
from fhirapi.exchange.incoming.files import size_of
from practice.management.operator import BAD_ARGUMENTS, DONE, OperatorCommand, operator
from practice.services.importing.importing import import_records
from practice.services.importing.records import Report
from practice.services.importing.stage import Stage

REFUSED = 1


class Command(OperatorCommand):
    help = (
        "Import FHIR STU3 (JSON, NDJSON, XML; folders, .gz, .zip) into a practice: Organization, "
        "Location, Practitioner, PractitionerRole, Patient, Schedule, Slot, Appointment. All or "
        "nothing; what is here already stays as it is, so again changes nothing. No imported slot "
        "is offered outside."
    )
    epilog = (
        f"Exit codes: {DONE} imported (or, with --dry-run, nothing is wrong); {REFUSED} something "
        f"is wrong, and nothing was imported; {BAD_ARGUMENTS} a file cannot be read. What is "
        "understood how: docs/exchange.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--practice", required=True, metavar="ODS", help="into which practice")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be imported, and change nothing"
        )
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="write the report as JSON there too"
        )
        parser.add_argument(
            "--source",
            default="",
            metavar="NAME",
            help="the system that the files come from, where several use the same ids",
        )

    def handle(self, **options: Any) -> None:
        is_hidden = not options["verbosity"] or not sys.stderr.isatty()
        try:
            report = self._imported(options, is_hidden)
        except OSError as error:
            raise CommandError(f"Cannot read a file: {error}", returncode=BAD_ARGUMENTS) from None
        if path := options["report"]:
            path.write_text(
                json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
        for line in report.lines():
            self.stdout.write(line)
        if report.is_refused:
            raise CommandError("Nothing was imported.", returncode=REFUSED)
        if report.dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")

    def _imported(self, options: dict[str, Any], is_hidden: bool) -> Report:
        paths, code = options["paths"], options["practice"].strip().upper()
        with Stage(system=options["source"]) as stage:
            size = size_of(paths)
            with tqdm(total=size, unit="B", unit_scale=True, disable=is_hidden, leave=False) as bar:
                report = collect(paths, ods_code=code, stage=stage, progress=bar.update)
            report.dry_run = options["dry_run"]
            with tqdm(total=stage.count(), unit="record", disable=is_hidden, leave=False) as bar:
                import_records(
                    report=report,
                    stage=stage,
                    actor=operator("import_fhir"),
                    now=timezone.now(),
                    progress=bar.update,
                )
        return report
