"""Move old diary that nobody ever booked into files: arguments in, counts out."""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from practice import clock
from practice.exceptions import ArchiveRefused
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.services import archiving
from practice.services.archiving import Archived, Progress

logger = logging.getLogger(__name__)


def iso_date(text: str) -> date:
    try:
        return clock.read_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2024-04-01") from None


class Command(OperatorCommand):
    help = (
        "Move slots of past days in which nobody ever had an appointment, and sessions that held "
        "none and are left without slots, into a compressed file for each practice and month. "
        "Appointments, their slots and sessions, and the audit trail stay. A run that was stopped "
        "goes on when it is started again with the same folder."
    )
    epilog = (
        f"Exit codes: {DONE} done (or, with --dry-run, counted); {SOME_FAILED} some "
        f"practice failed, the others are done; {BAD_ARGUMENTS} the arguments are wrong and "
        "nothing was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        until = parser.add_mutually_exclusive_group(required=True)
        until.add_argument(
            "--before",
            type=iso_date,
            metavar="DATE",
            help=f"of days before this one, which is at least {archiving.NEAREST_DAYS} days ago",
        )
        until.add_argument("--keep-days", type=int, metavar="N", help="or: all but the last N days")
        parser.add_argument(
            "--practice", nargs="+", metavar="ODS", help="only these practices; default: all"
        )
        parser.add_argument(
            "--to", type=Path, metavar="FOLDER", help="where the files go; needed but for --dry-run"
        )
        parser.add_argument("--dry-run", action="store_true", help="count only, and change nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        before = options["before"] or clock.today(now) - timedelta(days=options["keep_days"])
        try:
            archiving.check_before(before, now=now)
        except ArchiveRefused as error:
            raise CommandError(str(error), returncode=BAD_ARGUMENTS) from error
        folder = None if options["dry_run"] else options["to"]
        if folder is None and not options["dry_run"]:
            raise CommandError("Say where the files go: --to FOLDER.", returncode=BAD_ARGUMENTS)
        practices = practices_with(options["practice"])
        hidden = options["json"] or not options["verbosity"] or not sys.stderr.isatty()
        reports = []
        with tqdm(total=len(practices), unit="practice", disable=hidden, leave=False) as bar:
            for practice in practices:
                bar.set_description(practice.ods_code)
                reports.append(self._archive(practice, before, folder, bar))
                bar.update()
        if options["json"]:
            result = {"before": before.isoformat(), "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps({**result, "practices": reports}))
        elif options["verbosity"]:
            self._tell(reports, before, folder)
        if failed := [each["practice"] for each in reports if each["status"] == "failed"]:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _archive(
        self, practice: Organisation, before: date, folder: Path | None, bar: "tqdm[Any]"
    ) -> dict[str, Any]:
        """Archive one practice's diary; what goes wrong there keeps no other's from it."""
        removed = 0

        def progress(number: int) -> None:
            nonlocal removed
            removed += number
            bar.set_postfix_str(f"{removed:,} removed")

        try:
            done = self._plan_or_do(practice, before, folder, progress)
        except Exception as error:
            logger.exception("archiving failed for %s", practice.ods_code)
            return {"practice": practice.ods_code, "status": "failed", "error": str(error)}
        status = "archived" if folder else "planned"
        return {"practice": practice.ods_code, "status": status, **asdict(done)}

    def _plan_or_do(
        self, practice: Organisation, before: date, folder: Path | None, progress: Progress
    ) -> Archived:
        now = timezone.now()
        if folder is None:
            return archiving.planned(organisation=practice, before=before, now=now)
        return archiving.archive(
            organisation=practice,
            before=before,
            folder=folder,
            actor=operator("archive_diary"),
            now=now,
            progress=progress,
        )

    def _tell(self, reports: list[dict[str, Any]], before: date, folder: Path | None) -> None:
        where = f"moved to {folder}" if folder else "would be moved, nothing changed"
        self.stdout.write(f"Diary before {before:%a %d %b %Y}, never booked: {where}")
        for report in reports:
            if report["status"] == "failed":
                said = f"failed: {report['error']}"
            else:
                said = f"{report['slots']:,} slots, {report['sessions']:,} sessions"
            self.stdout.write(f"{report['practice']}: {said}")
        if not reports:
            self.stdout.write("There is no practice yet: see load_practice.")
