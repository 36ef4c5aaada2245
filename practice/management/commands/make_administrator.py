"""Make somebody who may do everything, as the first one there is."""

import getpass
import secrets
import sys
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
)
from practice.services.accounts import make_administrator


class Command(OperatorCommand):
    help = (
        "Make an administrator of the whole installation, who then makes everybody else on the "
        "staff pages. Asks for a password. Whoever is one already is left as they are."
    )
    epilog = (
        f"Exit codes: {DONE} done, or there already; {SOME_FAILED} the password was refused; "
        f"{BAD_ARGUMENTS} the name is no name, or that of a colleague who is no administrator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument(
            "--generate", action="store_true", help="a password, printed once, instead of asking"
        )

    def handle(self, *args: Any, username: str, generate: bool, **options: Any) -> None:
        if there := User.objects.filter(username__iexact=username).first():
            if not there.is_superuser:
                raise CommandError(
                    f"{username} is there, and no administrator of the whole installation.",
                    returncode=BAD_ARGUMENTS,
                )
            self.stdout.write(f"{username} is an administrator already; nothing was changed.")
            return
        user = User(username=username)
        password = secrets.token_urlsafe(18) if generate else asked_for()
        try:
            User._meta.get_field("username").clean(username, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=BAD_ARGUMENTS) from None
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=SOME_FAILED) from None
        make_administrator(
            username=username,
            password=password,
            actor=operator("make_administrator"),
            now=timezone.now(),
        )
        self.stdout.write(f"{username} may sign in, and do everything.")
        if generate:
            self.stdout.write(f"Password, shown this once: {password}")


def asked_for() -> str:
    """The password as it was typed, twice; not on the command line, where others see it."""
    if not sys.stdin.isatty():
        raise CommandError("There is nobody to ask for a password: --generate makes one.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
