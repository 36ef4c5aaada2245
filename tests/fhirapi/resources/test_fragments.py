"""A resource that is written is cut where its values go, whatever its texts hold."""

import pytest

from fhirapi.resources.fragments import cut
from tests.fhirapi.resources.rows import FORMATS


@FORMATS
@pytest.mark.parametrize("text", ["Routine", "~", "a ~~ b", '"~"', ""])
def test_filled_pieces_are_the_entry_of_the_resource(text, as_format):
    def render(mark, version="2"):
        return {"resourceType": "Basic", "id": mark, "text": text, "version": version}

    first, second, third = cut(as_format, lambda mark: render(mark, mark), text)

    assert f"{first}7{second}2{third}" == as_format.entry(render("7"))
