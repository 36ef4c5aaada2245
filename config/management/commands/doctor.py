"""Say what is wrong with this installation, and what to do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from config.doctor import telling
from config.doctor.examination import examine
from config.doctor.findings import Installation
from practice.management.operator import OperatorCommand

PLACES = Installation()


class Command(OperatorCommand):
    help = (
        "Check this installation: settings, rights, static files, what runs, certificates, disks. "
        "For each finding: what is wrong, where it was seen, what to do. Changes nothing. Run it "
        "with the service's environment, as its user or as root."
    )
    epilog = (
        f"Exit codes: {telling.WELL} nothing is wrong; {telling.ILL} something is, or the settings "
        "cannot be read; 2 the arguments are wrong. What could not be looked at is told, and is no "
        "finding."
    )
    requires_system_checks: list[str] = []  # they are asked here, and told in our words

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--configuration",
            type=Path,
            default=PLACES.configuration,
            metavar="FOLDER",
            help=f"where the environment file is; default: {PLACES.configuration}",
        )
        parser.add_argument(
            "--nginx",
            type=Path,
            default=PLACES.nginx,
            metavar="FOLDER",
            help=f"where nginx's configuration is; default: {PLACES.nginx}",
        )

    def handle(self, **options: Any) -> None:
        installation = replace(
            PLACES, configuration=options["configuration"], nginx=options["nginx"]
        )
        report = examine(installation, now=timezone.now())
        self.stdout.write(telling.in_json(report) if options["json"] else telling.in_words(report))
        if report.findings:
            raise SystemExit(telling.ILL)
