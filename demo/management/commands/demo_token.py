"""Print a bearer token for trying the API by hand."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from demo import consumer
from fhirapi import ssp
from practice.management.operator import OperatorCommand


class Command(OperatorCommand):
    help = "Print a bearer token that is valid for the next five minutes."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scope", choices=ssp.SCOPES, default=ssp.ORGANISATION_READ)
        parser.add_argument(
            "--audience", default="https://provider.example", help="the practice's service root"
        )

    def handle(self, *args: Any, scope: str, audience: str, **options: Any) -> None:
        self.stdout.write(consumer.token(scope=scope, audience=audience, now=timezone.now()))
