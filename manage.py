#!/usr/bin/env python
"""The command line of the appointment book."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one of its commands; what is installed calls it ``gp-connect-appointments``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        if sys.argv[1:2] == ["doctor"]:
            from config.doctor import telling

            report = telling.settings_unreadable(str(error))
            print((telling.in_json if "--json" in sys.argv else telling.in_words)(report))
            sys.exit(telling.ILL)
        sys.exit(f"The settings cannot be read: {error}")


if __name__ == "__main__":
    main()
