"""The JSON of a resource is cut where its values go, whatever its texts hold."""

import orjson
import pytest

from fhirapi.resources.fragments import cut


@pytest.mark.parametrize("text", ["Routine", "~", "a ~~ b", '"~"', ""])
def test_filled_pieces_are_the_json_of_the_resource(text):
    def render(mark):
        return {"id": mark, "text": text, "version": mark}

    first, second, third = cut(render, text)

    entry = orjson.loads(f"{first}7{second}2{third}")
    assert entry == {"resource": {"id": "7", "text": text, "version": "2"}}
