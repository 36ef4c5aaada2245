"""Mark what is still booked on days that are over, as each practice wants it; counts out.

And forget what pages that stay open no longer ask for.
"""

import json
import logging
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.services.appointments import attendance
from practice.services.diary_changes import forget_changes

logger = logging.getLogger(__name__)


class Command(OperatorCommand):
    help = (
        "Mark appointments of past days that nobody marked: did not attend, or seen, as each "
        "practice has set. Running it again changes nothing."
    )
    epilog = (
        f"Exit codes: {DONE} done; {SOME_FAILED} some practice failed, the others are "
        f"done; {BAD_ARGUMENTS} the arguments are wrong and nothing was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice; default: all")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, practice: str | None = None, **options: Any) -> None:
        reports = [
            self._close(each) for each in practices_with(None if practice is None else [practice])
        ]
        forget_changes(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"practices": reports}))
        elif options["verbosity"]:
            self._tell(reports)
        if failed := [each["practice"] for each in reports if each["status"] == "failed"]:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _close(self, organisation: Organisation) -> dict[str, Any]:
        """Close one practice's days; what goes wrong there keeps no other practice's open."""
        report = {"practice": organisation.ods_code, "marked_as": organisation.close_day_as}
        if not organisation.close_day_as:
            return {**report, "status": "left", "appointments": 0}
        try:
            closed = attendance.close_day(
                organisation=organisation,
                status=organisation.close_day_as,
                actor=operator("close_day"),
                now=timezone.now(),
            )
        except Exception as error:
            logger.exception("closing the day failed for %s", organisation.ods_code)
            return {**report, "status": "failed", "appointments": 0, "error": str(error)}
        return {**report, "status": "done", "appointments": len(closed)}

    def _tell(self, reports: list[dict[str, Any]]) -> None:
        words = dict(Organisation._meta.get_field("close_day_as").choices or ())
        for report in reports:
            if report["status"] == "failed":
                said = f"failed: {report['error']}"
            elif report["status"] == "left":
                said = "left as they are (the practice has not set what they become)"
            else:
                said = f"{report['appointments']} marked: {words[report['marked_as']].lower()}"
            self.stdout.write(f"{report['practice']}: {said}")
        if not reports:
            self.stdout.write("There is no practice yet: see load_practice.")
