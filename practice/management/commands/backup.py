"""Write the database to a file from which it can be restored."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.exceptions import BackupRefused
from practice.management.operator import BAD_ARGUMENTS, OperatorCommand, operator
from practice.services import backup


class Command(OperatorCommand):
    help = "Write the whole database to a new file. It holds patients: keep it as safe."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="which is not there yet")
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="FILE is a folder: a new file is made in it, of which the newest N stay",
        )

    def handle(self, *args: Any, file: Path, keep: int | None, **options: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep: one at least.", returncode=BAD_ARGUMENTS)
        actor, now = operator("backup"), timezone.now()
        try:
            if keep is None:
                made = backup.backup(file, actor=actor, now=now)
            else:
                made = backup.backup_into(file, keep=keep, actor=actor, now=now)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.path}: {made.size} bytes, SHA-256 {made.sha256}")
