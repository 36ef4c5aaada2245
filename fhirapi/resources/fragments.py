"""Many resources of one kind, rendered once and cut where they differ.

A thousand slots differ in two ids, a version and two times. So the rendered resource that defines
them all is written once, with marks where these values go, and each fills the gaps. JSON and XML
are both cut from it; numbers and times are the same in either.
"""

from collections.abc import Callable

from fhirapi.formats import Format
from fhirapi.resources.common import Element

MOST_KINDS = 4_096  # kept of each resource, a kilobyte each


def cut(as_format: Format, render: Callable[[str], Element], *texts: str) -> tuple[str, ...]:
    """The entry of a Bundle in pieces: what stands between its marks.

    ``render`` returns the resource with the mark that it is given for each value that differs.
    ``texts`` are the texts that it shows and that are not ours: no mark is part of them.
    """
    mark = "~"
    while any(mark in text for text in texts):
        mark += "~"
    return tuple(as_format.entry(render(mark)).split(mark))
