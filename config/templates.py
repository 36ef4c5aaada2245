"""Templates without the spaces that indent them: a tenth of what a page would send.

Lines stay lines, so that a fault is told with its place. Nothing here stands in ``pre`` or
``textarea`` as it was typed in a template, where spaces would count. And the names of symbols, from
which a font draws them, are kept from screen readers.
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


# Read out, it would be "unfold more", "more vert".
SYMBOL = re.compile(r'<span(?![^>]*aria-hidden)(?=[^>]*class="[^"]*\bmaterial-symbols-outlined\b)')
ALONE = re.compile(r'<span class="material-symbols-outlined">more_(vert|horiz)</span>')  # in links


class AppLoader(Lean, app_directories.Loader):
    """Of the applications. A symbol stands beside words, or they are added."""

    def get_contents(self, origin: Any) -> str:
        text = super().get_contents(origin)
        text = ALONE.sub(r'\g<0><span class="sr-only">More</span>', text)
        return SYMBOL.sub('<span aria-hidden="true"', text)
