"""Write a practice's whole book into one file: arguments in, one service call, counts out."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from practice.exceptions import DumpRefused
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.services.dumps import writing


class Command(OperatorCommand):
    help = (
        "Write a practice's whole book into one new file, for its owner's eyes only: directory, "
        "patients, diary, appointments with their history, staff without secrets. load_practice "
        "takes it into another database, where ids and versions stay what they were."
    )
    epilog = (
        f"Exit codes: {DONE} written; {SOME_FAILED} it could not be written, and there is no file; "
        f"{BAD_ARGUMENTS} there is no such practice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice", metavar="ODS")
        parser.add_argument("--to", type=Path, metavar="FILE", required=True, help="a new file")

    def handle(self, *, practice: str, to: Path, **options: Any) -> None:
        (organisation,) = practices_with([practice])
        hidden = not options["verbosity"] or not sys.stderr.isatty()
        total = None if hidden else writing.counted(organisation)
        try:
            with tqdm(total=total, unit="entry", disable=hidden, leave=False) as bar:
                done = writing.dump_practice(
                    organisation=organisation,
                    path=to,
                    actor=operator("dump_practice"),
                    now=timezone.now(),
                    progress=bar.update,
                )
        except DumpRefused as refusal:
            raise CommandError(str(refusal), returncode=SOME_FAILED) from None
        if options["verbosity"]:
            counts = ", ".join(f"{number:,} {name}" for name, number in done.entries.items())
            self.stdout.write(f"{organisation}: {counts.replace('_', ' ')}")
            self.stdout.write(f"Written to {to}. It holds patients: keep it as you keep a backup.")
