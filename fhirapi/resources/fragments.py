"""Many resources of one kind as JSON, rendered once and cut where they differ.

A thousand slots differ in two ids, a version and two times. So the rendered resource that defines
them all is written as JSON once, with marks where these values go, and each fills the gaps.
"""

from collections.abc import Callable

import orjson

from fhirapi.resources.common import Element


def cut(render: Callable[[str], Element], *texts: str) -> list[str]:
    """The JSON of a Bundle's entry, in pieces: what stands between its marks.

    ``render`` returns the resource with the mark that it is given for each value that differs.
    ``texts`` are the texts that it shows and that are not ours: no mark is part of them.
    """
    mark = "~"
    while any(mark in text for text in texts):
        mark += "~"
    return orjson.dumps({"resource": render(mark)}).decode().split(mark)
