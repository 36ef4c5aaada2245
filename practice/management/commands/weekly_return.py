"""Make the weekly return of practices: arguments in, a folder for each practice out."""

import argparse
import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice import clock
from practice.exceptions import ReturnRefused
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.reads.weekly_return import last_return, last_whole_week, monday_of
from practice.services.weekly_return import contents_of_week, make_return

logger = logging.getLogger(__name__)


def iso_date(text: str) -> date:
    try:
        return clock.read_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-16") from None


class Command(OperatorCommand):
    help = (
        "Write every appointment and every unbooked slot of a week as CSV and NDJSON, with a "
        "manifest, into a folder for each practice. The same data make the same bytes; where they "
        "have changed since, a correction stands beside what was made before."
    )
    epilog = (
        f"Exit codes: {DONE} made (or, with --dry-run, counted); {SOME_FAILED} some practice's "
        f"could not be made, and of it there is no folder; {BAD_ARGUMENTS} the arguments are wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice; default: all")
        parser.add_argument(
            "--week",
            type=iso_date,
            metavar="DATE",
            help="the week, Monday to Sunday, of this day; default: the last that is over",
        )
        parser.add_argument(
            "--to",
            type=Path,
            metavar="FOLDER",
            default=Path(settings.RETURNS_FOLDER),
            help="where the folders go; default: RETURNS_FOLDER, from where staff can fetch them",
        )
        parser.add_argument(
            "--missing", action="store_true", help="only of practices that have none of the week"
        )
        parser.add_argument("--dry-run", action="store_true", help="count only, and write nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, practice: str | None = None, **options: Any) -> None:
        first_day = monday_of(options["week"] or last_whole_week(clock.today(timezone.now())))
        practices = practices_with(None if practice is None else [practice])
        if options["missing"]:
            practices = [
                each
                for each in practices
                if last_return(organisation=each, first_day=first_day) is None
            ]
        folder = None if options["dry_run"] else options["to"]
        reports = [self._make(each, first_day, folder) for each in practices]
        if options["json"]:
            self.stdout.write(json.dumps({"week": str(first_day), "practices": reports}))
        elif options["verbosity"]:
            for report in reports:
                self.stdout.write(in_words(report))
        if failed := [each["practice"] for each in reports if each["status"] == "failed"]:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _make(
        self, organisation: Organisation, first_day: date, folder: Path | None
    ) -> dict[str, Any]:
        """One practice's return; what goes wrong there keeps no other's from being made."""
        report: dict[str, Any] = {"practice": organisation.ods_code, "week": str(first_day)}
        now = timezone.now()
        try:
            if folder is None:
                found = contents_of_week(organisation=organisation, first_day=first_day, now=now)
                counts = {"rows": found.rows, "appointments": found.appointments}
                return {**report, "status": "counted", **counts}
            made = make_return(
                organisation=organisation,
                day=first_day,
                folder=folder,
                actor=operator("weekly_return"),
                now=now,
            )
        except ReturnRefused as refusal:
            return {**report, "status": "failed", "error": str(refusal)}
        except Exception as error:
            logger.exception("the weekly return of %s failed", organisation.ods_code)
            return {**report, "status": "failed", "error": str(error)}
        return {
            **report,
            "status": "made" if made.is_new else "as before",
            "number": made.record.number,
            "rows": made.record.rows,
            "appointments": made.record.appointments,
            "folder": str(made.folder),
        }


def in_words(report: dict[str, Any]) -> str:
    """A line for the practice."""
    what = f"{report['practice']}, week from {report['week']}"
    if report["status"] == "failed":
        return f"{what}: {report['error']}"
    counts = f"{report['rows']:,} rows, {report['appointments']:,} of them appointments"
    if report["status"] == "counted":
        return f"{what}: {counts}. Nothing was written: a dry run."
    again = "; as it was made before" if report["status"] == "as before" else ""
    return f"{what}: {counts}, in {report['folder']}{again}"
