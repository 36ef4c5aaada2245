"""Make stored booking organisations keep to their profile: arguments in, counts out."""

import logging
from collections import Counter
from functools import cache, partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from fhirapi.repair import repaired
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.reads.appointments import booking_organisations
from practice.reads.directory import is_held
from practice.services.appointments.changing import replace_booking_organisation

logger = logging.getLogger(__name__)


class Command(OperatorCommand):
    help = (
        "Look at the organisation that booked each appointment from outside, as it described "
        "itself, and take out what would make another organisation's reader refuse the answer: "
        "codes outside their lists, references to nothing here, what changes the meaning. Each "
        "appointment that is changed is its next version, and audited. Again changes nothing."
    )
    epilog = (
        f"Exit codes: {DONE} done (or, with --dry-run, counted); {SOME_FAILED} some "
        f"practice failed, the others are done; {BAD_ARGUMENTS} the arguments are wrong and "
        "nothing was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--practice", nargs="+", metavar="ODS", help="only these practices; default: all"
        )
        parser.add_argument("--dry-run", action="store_true", help="count only, and change nothing")

    def handle(self, **options: Any) -> None:
        failed = []
        for practice in practices_with(options["practice"]):
            try:
                self._tell(practice, self._repair(practice, dry_run=options["dry_run"]))
            except Exception as error:
                logger.exception("repairing failed for %s", practice.ods_code)
                self.stderr.write(f"{practice.ods_code}: failed: {error}")
                failed.append(practice.ods_code)
        if failed:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _repair(self, practice: Organisation, *, dry_run: bool) -> Counter[str]:
        """How many appointments were looked at and changed, and how often what was wrong."""
        mend = partial(
            repaired, is_held=lambda kind, pk: is_held(organisation=practice, kind=kind, pk=pk)
        )
        mended = cache(mend)  # organisations describe themselves in the same way each time
        counts: Counter[str] = Counter()
        for pk, json in booking_organisations(organisation=practice):
            counts["looked at"] += 1
            better, wrong = mended(json)
            if not wrong:
                continue
            if dry_run or replace_booking_organisation(
                organisation=practice,
                appointment_id=pk,
                stored=json,
                json=better,
                actor=operator("repair_booking_organisations"),
                now=timezone.now(),
            ):
                counts["to repair" if dry_run else "repaired"] += 1
                counts.update(wrong)
        return counts

    def _tell(self, practice: Organisation, counts: Counter[str]) -> None:
        said = ("looked at", "to repair", "repaired")
        parts = [f"{counts.pop(each):,} {each}" for each in said if each in counts]
        self.stdout.write(
            f"{practice.ods_code}: {', '.join(parts) or 'nothing booked from outside'}"
        )
        for sentence, number in counts.most_common():
            self.stdout.write(f"  {number:,} x {sentence}")
