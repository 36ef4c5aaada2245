"""Look whether practices offer what they promised, note short days, tell people."""

import json
import logging
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.db.row_security import bound_to
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    practices_with,
)
from practice.models import Organisation
from practice.reads.promises import shortfalls
from practice.services.promises import send_news, watch

logger = logging.getLogger(__name__)


class Command(OperatorCommand):
    help = (
        "Look whether each practice offers what it has promised to others, for each coming day, as "
        "a search would find it. Short days stand on its pages, with their causes; what is new is "
        "mailed to whom the promise names."
    )
    epilog = (
        f"Exit codes: {DONE} done, whether or not a day is short; {SOME_FAILED} some practice or "
        f"some mail failed, the others are done; {BAD_ARGUMENTS} the arguments are wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice; default: all")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, practice: str | None = None, **options: Any) -> None:
        reports = [
            self._watch(each) for each in practices_with(None if practice is None else [practice])
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"practices": reports}))
        elif options["verbosity"]:
            for report in reports:
                self.stdout.write(in_words(report))
        if failed := [each["practice"] for each in reports if each["failed"]]:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _watch(self, organisation: Organisation) -> dict[str, Any]:
        """One practice; what goes wrong there keeps no other from being watched."""
        report: dict[str, Any] = {"practice": organisation.ods_code, "short": [], "failed": ""}
        try:
            with bound_to(organisation.pk):
                news = watch(organisation=organisation, now=timezone.now())
                report["short"] = [
                    {
                        "promise": each.promise.name,
                        "day": each.day.isoformat(),
                        "promised": each.promised,
                        "offered": each.offered,
                        "causes": each.causes,
                    }
                    for each in shortfalls(organisation=organisation)
                ]
            sent = [send_news(each) for each in news]  # each, whatever became of the others
            if not all(sent):
                report["failed"] = "some mail was not sent"
        except Exception as error:
            logger.exception("watching the promises of %s failed", organisation.ods_code)
            report["failed"] = str(error)
        return report


def in_words(report: dict[str, Any]) -> str:
    """A line for the practice, and one for each short day."""
    short = report["short"]
    days = f"{len(short)} short" if short else "as promised"
    lines = [f"{report['practice']}: {report['failed'] or days}"]
    for each in short:
        causes = " ".join(each["causes"])
        lines.append(
            f"  {each['day']} {each['promise']}: {each['offered']} of {each['promised']}. {causes}"
        )
    return "\n".join(lines)
