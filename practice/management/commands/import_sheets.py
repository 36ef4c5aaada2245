"""Go on with spreadsheets whose import was interrupted; remove files that nobody confirmed.

Pages start it for the file that was just confirmed, with ``--only``; a timer without.
"""

import logging
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.db.row_security import bound_to
from practice.management.operator import DONE, SOME_FAILED, OperatorCommand, operator
from practice.models import SheetImport
from practice.reads.sheets import running
from practice.services.sheets.imports import forget_files, interrupted, run

logger = logging.getLogger(__name__)


class Command(OperatorCommand):
    help = "Go on with imports of spreadsheets that were interrupted; remove files left behind."
    epilog = f"Exit codes: {DONE} done; {SOME_FAILED} some import has stopped or failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", type=int, metavar="ID", help="this import, which was just confirmed"
        )

    def handle(self, *, only: int | None = None, **options: Any) -> None:
        now = timezone.now()
        found = interrupted(now=now) if only is None else running(only)
        ended = [self._run(sheet) for sheet in found]
        if only is None:
            forgotten = forget_files(actor=operator("import_sheets"), now=now)
            if options["verbosity"]:
                self.stdout.write(f"{len(found)} gone on with, {forgotten} files removed")
        if not all(ended):
            raise CommandError("Not all imports are done.", returncode=SOME_FAILED)

    def _run(self, sheet: SheetImport) -> bool:
        """Import one; what goes wrong there keeps no other from being imported."""
        try:
            with bound_to(sheet.organisation_id):
                done = run(organisation=sheet.organisation, sheet_id=sheet.pk, clock=timezone.now)
        except Exception:
            logger.exception("import %s failed", sheet.pk)
            return False
        return done.status != SheetImport.Status.STOPPED
