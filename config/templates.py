"""Templates without the spaces that indent them: a tenth of what a page would send.

Lines stay lines, so that a fault is told with its place. Nothing here stands in ``pre`` or
``textarea`` as it was typed in a template, where spaces would count.
"""

import re
from typing import Any

from django.template.loaders import app_directories, filesystem


class Lean:
    """Mixed into a loader of templates."""

    def get_contents(self, origin: Any) -> str:
        text: str = super().get_contents(origin)  # type: ignore[misc]
        return re.sub(r"(?m)^[ \t]+", "", text) if origin.name.endswith(".html") else text


class FilesystemLoader(Lean, filesystem.Loader):
    """Of the project's own folder."""


class AppLoader(Lean, app_directories.Loader):
    """Of the applications."""
