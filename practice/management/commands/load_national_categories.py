"""Take a new version of the national lists: arguments in, one service call, words out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.exceptions import NationalDataRefused
from practice.management.operator import OperatorCommand, operator
from practice.services.national_data import Taken, load_national_data

DONE, REFUSED, BAD_ARGUMENTS = 0, 1, 2
LARGEST = 2_000_000  # bytes


class Command(OperatorCommand):
    help = (
        "Take a new version of the national categories, settings, modes and exception reasons "
        "from a JSON file, for all practices. What is mapped already stays as it is."
    )
    epilog = (
        f"Exit codes: {DONE} in force (or, with --dry-run, it would be); {REFUSED} something in "
        f"the file is wrong and nothing has changed; {BAD_ARGUMENTS} the file cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what the file would change"
        )

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            taken = load_national_data(
                given=read(file),
                actor=operator("load_national_categories"),
                now=timezone.now(),
                dry_run=dry_run,
            )
        except NationalDataRefused as refusal:
            raise CommandError(f"{refusal}\nNothing has changed.", returncode=REFUSED) from None
        for line in in_words(taken):
            self.stdout.write(line)
        if taken.is_new:
            self.stdout.write("Nothing has changed: a dry run." if dry_run else "In force.")


def read(file: Path) -> object:
    """What stands in the file, whatever it is."""
    try:
        if file.stat().st_size > LARGEST:
            raise CommandError(f"{file} is too large.", returncode=BAD_ARGUMENTS)
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.", returncode=BAD_ARGUMENTS) from None
    except (ValueError, RecursionError):
        raise CommandError(f"{file}: this is no JSON.", returncode=BAD_ARGUMENTS) from None


def in_words(taken: Taken) -> Iterator[str]:
    """What the version changes, line by line."""
    if not taken.is_new:
        yield f"Version {taken.data.version} is in force already."
        return
    yield f"From version {taken.before} to {taken.data.version}."
    for words, lists in (("comes", taken.added), ("goes", taken.removed)):
        for name, entries in lists.items():
            for each in entries:
                yield f"  {words}: {each} ({name.replace('_', ' ')})"
    if taken.kept:
        yield f"  not in the file, and kept: {', '.join(taken.kept)}"
    if taken.left_without:
        yield f"  slot types mapped to what goes, which will be warned of: {taken.left_without}"
