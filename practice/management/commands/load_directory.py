"""Fill a practice's directory from published files: arguments in, one service call, a report."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.exceptions import FilesRefused
from practice.management.operator import BAD_ARGUMENTS, DONE, SOME_FAILED, OperatorCommand, operator
from practice.services.published_directory import Filled, fill_directory


class Command(OperatorCommand):
    help = (
        "Fill a practice's directory from the files of the Organisation Data Service: the practice "
        "with its address and telephone, its branches as places, its GPs as practitioners. What is "
        "here and published otherwise is listed, and stays unless --update. Again changes nothing."
    )
    epilog = (
        f"Exit codes: {DONE} done (or, with --dry-run, told); {SOME_FAILED} the files are laid out "
        "otherwise, or the practice is not in them or closed, and nothing was done; "
        f"{BAD_ARGUMENTS} a file cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice", metavar="ODS")
        parser.add_argument(
            "--organisations", type=Path, metavar="FILE", required=True, help="epraccur.csv"
        )
        parser.add_argument("--branches", type=Path, metavar="FILE", help="ebranchs.csv")
        parser.add_argument("--practitioners", type=Path, metavar="FILE", help="egpcur.csv")
        parser.add_argument(
            "--update", action="store_true", help="take what is published otherwise"
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, practice: str, **options: Any) -> None:
        try:
            done = fill_directory(
                ods_code=practice.strip().upper(),
                organisations=options["organisations"],
                branches=options["branches"],
                practitioners=options["practitioners"],
                update=options["update"],
                dry_run=options["dry_run"],
                actor=operator("load_directory"),
                now=timezone.now(),
            )
        except OSError as error:
            raise CommandError(f"Cannot read a file: {error}", returncode=BAD_ARGUMENTS) from None
        except FilesRefused as refusal:
            raise CommandError(f"{refusal}\nNothing was done.", returncode=SOME_FAILED) from None
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(done), "dry_run": options["dry_run"]}))
        elif options["verbosity"]:
            self._tell(done, dry_run=options["dry_run"])

    def _tell(self, done: Filled, *, dry_run: bool) -> None:
        self.stdout.write(f"{done.name}{': nothing was done, this would be' if dry_run else ''}")
        for name, number in done.rows.items():
            self.stdout.write(f"  read: {number:,} rows of {name}")
        for each in done.made:
            self.stdout.write(f"  made: {each}")
        for difference in done.differences:
            what = "changed" if difference.taken else "differs, and stays"
            self.stdout.write(
                f"  {what}: {difference.record}, {difference.column.replace('_', ' ')}:"
                f" here “{difference.here}”, published “{difference.published}”"
            )
        for each in done.missing:
            self.stdout.write(f"  not in the files: {each}")
        for why, number in sorted(done.passed_over.items()):
            self.stdout.write(f"  passed over: {number:,} × {why}")
        if not done.made and not done.differences:
            self.stdout.write("  all is as published")
