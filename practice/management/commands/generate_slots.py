"""Bring the diary in line with the templates: arguments in, one call a practice, counts out."""

import argparse
import json
import logging
import sys
from collections import Counter
from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from practice import clock
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.services.generation.planner import week_plans
from practice.services.generation.plans import COUNTED, Scope
from practice.services.generation.runs import Progress, generate

DEFAULT_WEEKS = 8
MOST_DAYS = 3 * 366
logger = logging.getLogger(__name__)


def iso_date(text: str) -> date:
    try:
        return clock.read_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-30") from None


def some_weeks(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS // 7:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_DAYS // 7}")
    return int(text)


class Command(OperatorCommand):
    help = "Turn templates into sessions and slots. Running it again changes nothing."
    epilog = (
        f"Exit codes: {DONE} done (or, with --dry-run, planned); {SOME_FAILED} some "
        f"practice failed, the others are done; {BAD_ARGUMENTS} the arguments are wrong and "
        "nothing was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice; default: all")
        parser.add_argument(
            "--from", type=iso_date, metavar="DATE", dest="first", help="default: today"
        )
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--to", type=iso_date, metavar="DATE", dest="last", help="the last date")
        end.add_argument(
            "--weeks", type=some_weeks, default=DEFAULT_WEEKS, metavar="N", help="default: 8"
        )
        parser.add_argument("--dry-run", action="store_true", help="plan only, and write nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        first = options["first"] or clock.today(now)
        last = options["last"] or first + timedelta(days=7 * options["weeks"] - 1)
        if last < first:
            raise CommandError(
                f"The last date, {last}, lies before the first, {first}.", returncode=BAD_ARGUMENTS
            )
        if (last - first).days >= MOST_DAYS:
            raise CommandError(
                "At most three years can be generated at once.", returncode=BAD_ARGUMENTS
            )
        only = options["practice"]
        practices = practices_with(None if only is None else [only])
        done = []
        days = (last - first).days + 1
        hidden = options["json"] or not options["verbosity"] or not sys.stderr.isatty()
        with tqdm(total=days * len(practices), unit="day", disable=hidden, leave=False) as bar:
            for practice in practices:
                bar.set_description(practice.ods_code)
                scope = Scope(practice, first, last, now)
                report = self._dry_run if options["dry_run"] else self._generate
                done.append(report(scope, bar.update))
        failed = [report["practice"] for report in done if report["status"] == "failed"]
        if options["json"]:
            result = {
                "from": first.isoformat(),
                "to": last.isoformat(),
                "dry_run": options["dry_run"],
                "practices": done,
            }
            self.stdout.write(json.dumps(result))
        elif options["verbosity"]:
            self._tell(done, first, last, dry_run=options["dry_run"])
        if failed:
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=SOME_FAILED)

    def _generate(self, scope: Scope, progress: Progress) -> dict[str, Any]:
        practice = scope.organisation.ods_code
        try:
            run = generate(
                organisation=scope.organisation,
                from_date=scope.from_date,
                to_date=scope.to_date,
                actor=operator("generate_slots"),
                now=scope.now,
                progress=progress,
            )
        except Exception as error:
            logger.exception("generation failed for %s", practice)
            return {"practice": practice, "status": "failed", "error": str(error)}
        counts = {name: getattr(run, name) for name in COUNTED if hasattr(run, name)}
        return {"practice": practice, "status": "done", **counts, "skipped": run.skipped}

    def _dry_run(self, scope: Scope, progress: Progress) -> dict[str, Any]:
        counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        skipped = []
        for week in week_plans(scope):
            counts.update(week.counts)
            skipped += [item.as_json() for item in week.skipped]
            progress((week.to_date - week.from_date).days + 1)
        practice = scope.organisation.ods_code
        return {"practice": practice, "status": "planned", **counts, "skipped": skipped}

    def _tell(self, done: list[dict[str, Any]], first: date, last: date, *, dry_run: bool) -> None:
        what = "Plan, nothing written" if dry_run else "Diary"
        self.stdout.write(f"{what}: {first:%a %d %b %Y} to {last:%a %d %b %Y}")
        for report in done:
            self.stdout.write(f"{report['practice']}: {report['status']}")
            if "error" in report:
                self.stdout.write(f"  {report['error']}")
            for name in COUNTED:
                if report.get(name):
                    self.stdout.write(f"  {report[name]:>9,}  {name.replace('_', ' ')}")
            for item in report.get("skipped", ()):
                self.stdout.write(f"  skipped: {item['date']} {item['session']}: {item['reason']}")
        if not done:
            self.stdout.write("There is no practice yet: see load_practice.")
