"""Load practices from YAML files and dumps: arguments in, one service call, counts out."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from practice.exceptions import FilesRefused
from practice.management.operator import OperatorCommand, operator
from practice.services.dumps.reading import is_dump
from practice.services.loading import load_practices

DONE, FILES_REFUSED, BAD_ARGUMENTS = 0, 1, 2


class Command(OperatorCommand):
    help = (
        "Load practices from YAML files, all or nothing; loading again changes nothing. A file of "
        "dump_practice is taken too: a practice that is not here yet, with the ids that it had."
    )
    epilog = (
        f"Exit codes: {DONE} loaded; {FILES_REFUSED} something in the files is wrong "
        f"and nothing was loaded; {BAD_ARGUMENTS} a file cannot be read. What may stand in a "
        "file: docs/practice_files.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, **options: Any) -> None:
        try:
            dumps = [path for path in options["files"] if is_dump(path)]
            written = [path for path in options["files"] if path not in dumps]
            files = {str(path): path.read_text(encoding="utf-8") for path in written}
            size = sum(path.stat().st_size for path in dumps)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"Cannot read a file: {error}", returncode=BAD_ARGUMENTS) from None
        hidden = not dumps or not options["verbosity"] or not sys.stderr.isatty()
        try:
            with tqdm(total=size, unit="B", unit_scale=True, disable=hidden, leave=False) as bar:
                loaded = load_practices(
                    files=files,
                    dumps=dumps,
                    actor=operator("load_practice"),
                    now=timezone.now(),
                    progress=bar.update,
                )
        except FilesRefused as refusal:
            raise CommandError(
                f"{refusal}\nNothing was loaded.", returncode=FILES_REFUSED
            ) from None
        for practice in loaded:
            self.stdout.write(f"{practice.organisation}")
            self.stdout.write(f"  made: {_list(practice.created)}")
            self.stdout.write(f"  changed: {_list(practice.changed)}")


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{number} × {name}" for name, number in sorted(counts.items())) or "nothing"
