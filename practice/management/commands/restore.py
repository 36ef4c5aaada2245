"""Fill an empty database from a backup, and prove that it is whole."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.db.row_security import nothing_said
from practice.exceptions import BackupRefused
from practice.management.operator import OperatorCommand, operator
from practice.services import backup
from practice.services.audit import heads, sealing, spool


class Command(OperatorCommand):
    help = (
        "Restore a backup into the empty database of DATABASE_URL, bring it up to this version,"
        " and check trail and diary. Exit code 0: restored and whole."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if not settings.AUDIT_HEAD_KEYS:  # for the sealing, below
            raise CommandError("AUDIT_HEAD_KEYS is not set: the ends of trails cannot be signed.")
        try:
            backup.restore(file)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        with nothing_said():
            call_command("migrate", verbosity=0, interactive=False)
        backup.record_restore(file, actor=operator("restore"), now=timezone.now())
        sealing.seal_everything(now=timezone.now())
        heads.publish(heads.present(), now=timezone.now())
        # Not seal_audit: it would take what this machine keeps aside away from the book in use, and
        # this may be a rehearsal.
        if spool.spool().has_events:
            self.stdout.write(
                f"Audit events that this machine keeps aside in {settings.AUDIT_SPOOL} were left"
                " there. The sealer takes them into the database that it seals."
            )
        call_command("verify_audit", stdout=self.stdout)
        call_command("check_diary", stdout=self.stdout)
