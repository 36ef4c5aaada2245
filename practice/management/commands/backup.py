"""Write the database to a file from which it can be restored."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.exceptions import BackupRefused
from practice.management.operator import OperatorCommand, operator
from practice.services import backup


class Command(OperatorCommand):
    help = "Write the whole database to a new file. It holds patients: keep it as safe."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            made = backup.backup(file, actor=operator("backup"), now=timezone.now())
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.path}: {made.size} bytes, SHA-256 {made.sha256}")
