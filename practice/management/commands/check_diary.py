"""Prove that the diary is consistent, or name what is not."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.management.operator import OperatorCommand
from practice.reads import diary_check
from practice.reads.diary_check import Report
from practice.reads.directory import practice_by_ods_code


class Command(OperatorCommand):
    help = (
        "Check slots, appointments, sessions, versions and the trail against each other."
        " Exit code 0: no fault, warnings or not; 1: faults, or it could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice's diary")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, practice: str | None = None, **options: Any) -> None:
        organisation = practice_by_ods_code(practice) if practice else None
        if practice and organisation is None:
            raise CommandError(f"No practice has the ODS code {practice}.")
        report = diary_check.check(now=timezone.now(), organisation=organisation)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report), default=str))
        else:
            self.report(report)
        if report.faults:
            raise CommandError(f"{sum(fault.count for fault in report.faults)} faults")

    def report(self, report: Report) -> None:
        for fault in report.faults:
            self.stdout.write(f"FAULT {fault}")
        for warning in report.warnings:
            self.stdout.write(f"note  {warning}")
        for end in report.diary_ends:
            self.stdout.write(f"{end.practice}: diary to {end.last}, {end.days_left} days left")
        if not report.faults:
            self.stdout.write(f"{report.checks} checks, no faults")
