#!/usr/bin/env python
"""The command line of the appointment book."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one of its commands; what is installed calls it ``gp-connect-appointments``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
