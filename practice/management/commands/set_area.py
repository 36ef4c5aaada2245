"""Say which practices belong to an area, and who looks after it."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.exceptions import GroupRefused
from practice.management.operator import BAD_ARGUMENTS, OperatorCommand, operator, practices_with
from practice.services.areas import set_area


class Command(OperatorCommand):
    help = (
        "Make an area of exactly these practices, looked after by exactly these people, who get "
        "the role of an area manager: they see what is promised, offered and booked there, keep "
        "the groups of organisations, and reach no patient."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--practices", nargs="+", required=True, metavar="ODS")
        parser.add_argument("--managers", nargs="*", default=[], metavar="USERNAME")

    def handle(
        self, *, name: str, practices: list[str], managers: list[str], **options: Any
    ) -> None:
        people = list(User.objects.filter(username__in=managers))
        if missing := set(managers) - {each.username for each in people}:
            words = f"There is nobody of the name {', '.join(sorted(missing))}."
            raise CommandError(words, returncode=BAD_ARGUMENTS)
        try:
            area = set_area(
                name,
                practices=practices_with(practices),
                managers=people,
                actor=operator("set_area"),
                now=timezone.now(),
            )
        except GroupRefused as refusal:
            raise CommandError(str(refusal), returncode=BAD_ARGUMENTS) from None
        self.stdout.write(f"{area}: {len(practices)} practices, {len(people)} area managers.")
