"""Look whether practices offer what they promised, tell people; end rehearsals that are over."""

import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.db.rows import batches
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.reads.directory import practices_by_id
from practice.reads.promises import promising, versions_of_promising
from practice.services import asking, promises
from practice.services.rehearsals import end_what_is_over

logger = logging.getLogger(__name__)

WHOLE_PASS_SECONDS = 300  # while looping: what the clock alone changes waits no longer


class Command(OperatorCommand):
    help = (
        "Look whether each practice offers what it has promised to others, for each coming day, as "
        "a search would find it, and who really searches. Short days and who went silent stand on "
        "its pages, with causes; what is new is mailed to whom the promise names. Rehearsals with "
        "other systems whose time is over are ended."
    )
    epilog = (
        f"Exit codes: {DONE} done, whether or not a day is short; {SOME_FAILED} some practice or "
        f"some mail failed, the others are done; {BAD_ARGUMENTS} the arguments are wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        once = parser.add_mutually_exclusive_group()
        once.add_argument("--practice", metavar="ODS", help="only this practice; default: all")
        once.add_argument(
            "--loop",
            type=float,
            nargs="?",
            const=10.0,
            metavar="SECONDS",
            help="go on until stopped: look every so many seconds (10) at the practices in which "
            f"something has changed, and every {WHOLE_PASS_SECONDS} seconds at all of them",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(
        self, *, practice: str | None = None, loop: float | None = None, **options: Any
    ) -> None:
        if loop is not None:
            self.go_on(loop)
            return
        practices = practices_with(None if practice is None else [practice])
        reports, failed = self.look_at_all(practices, timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"practices": reports}))
        elif options["verbosity"]:
            for report in reports:
                self.stdout.write(in_words(report))
        if failed:
            raise CommandError(f"Failed: {', '.join(sorted(failed))}.", returncode=SOME_FAILED)

    def go_on(self, seconds: float) -> None:
        """Watch until a signal says to stop."""
        seen: dict[int, int] = {}
        due = time.monotonic()

        def watch() -> None:
            nonlocal seen, due
            begun = time.monotonic()
            if begun >= due:
                seen = versions_of_promising()
                _, failed = self.look_at_all(practices_with(None), timezone.now())
                due = begun + WHOLE_PASS_SECONDS
            else:
                seen, failed = self.look_at_changed(seen, timezone.now())
            if failed:
                self.stderr.write(f"Failed: {', '.join(sorted(failed))}.")

        self.until_stopped(watch, seconds=seconds, doing="watching")

    def look_at_all(
        self, practices: Sequence[Organisation], now: datetime
    ) -> tuple[list[dict[str, Any]], set[str]]:
        """Everything that is watched, at these practices: what was seen, and where that failed."""
        failed = self._watch_who_asks(practices, now) | self._end_rehearsals(practices, now)
        reports = self._watch_each(promising(practices), now)
        return reports, failed | {each["practice"] for each in reports if each["failed"]}

    def look_at_changed(
        self, seen: dict[int, int], now: datetime
    ) -> tuple[dict[int, int], set[str]]:
        """The promises of practices whose numbers are others than those ``seen``.

        Returns the numbers as they were before anything was looked at: what changes meanwhile
        is looked at the next time.
        """
        versions = versions_of_promising()
        changed = [pk for pk, version in versions.items() if seen.get(pk) != version]
        practices = sorted(practices_by_id(changed).values(), key=lambda each: each.ods_code)
        reports = self._watch_each(practices, now)
        return versions, {each["practice"] for each in reports if each["failed"]}

    def _watch_each(self, practices: Sequence[Organisation], now: datetime) -> list[dict[str, Any]]:
        reports: list[dict[str, Any]] = []
        for at_once in batches(practices, promises.AT_ONCE):
            reports += self._watch(at_once, now)
        return reports

    def _watch_who_asks(self, practices: Sequence[Organisation], now: datetime) -> set[str]:
        """From the trail; the practices where that failed, or mail about it."""
        failed: set[str] = set()
        for at_once in batches(practices, asking.AT_ONCE):
            try:
                asking.watch_who_asks(at_once, now=now)
                failed |= set(asking.tell_who_asks(at_once, now=now))
            except Exception:
                logger.exception("counting who asks failed")
                failed |= {each.ods_code for each in at_once}
        return failed

    def _end_rehearsals(self, practices: Sequence[Organisation], now: datetime) -> set[str]:
        """Of practices whose own row says that there are any; those where that failed."""
        failed = set()
        for each in practices:
            if each.rehearsing_until is None:
                continue
            try:
                end_what_is_over(organisation=each, actor=operator("watch_promises"), now=now)
            except Exception:
                logger.exception("ending the rehearsals of %s failed", each.ods_code)
                failed.add(each.ods_code)
        return failed

    def _watch(self, practices: Sequence[Organisation], now: datetime) -> list[dict[str, Any]]:
        """A few practices; what goes wrong at one keeps no other from being watched."""
        seen = promises.look_at(practices, now=now)
        not_noted = promises.note(seen, now=now)
        not_sent = promises.tell(practices, now=now)
        return [
            {
                "practice": each.practice.ods_code,
                "short": [
                    {
                        "promise": short.promise.name,
                        "day": short.day.day.isoformat(),
                        "promised": short.day.promised,
                        "offered": short.day.there,
                        "causes": short.causes,
                    }
                    for short in each.short
                ],
                "failed": each.failed
                or not_noted.get(each.practice.ods_code)
                or ("some mail was not sent" if each.practice.ods_code in not_sent else ""),
            }
            for each in seen
        ]


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
