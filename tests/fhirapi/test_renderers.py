"""The HTTP around a body is exact."""

import gzip

import orjson
import pytest

from fhirapi import renderers
from fhirapi.formats import Format

RESOURCE = {"resourceType": "Basic", "code": {"text": "Zoë"}}
LARGE = {"resourceType": "Basic", "code": {"text": "Zoë " * 1000}}


@pytest.mark.req("GEN-050", "GEN-051", "GEN-059", "GEN-070", "GEN-074")
@pytest.mark.parametrize("as_format", list(Format))
def test_a_response_is_utf8_typed_measured_and_never_stored(rf, as_format):
    response = renderers.respond(rf.get("/"), RESOURCE, as_format=as_format)

    assert response["Content-Type"] == f"{as_format.value};charset=utf-8"
    assert "Zoë".encode() in response.content
    assert response["Content-Length"] == str(len(response.content))
    assert response["Cache-Control"] == "no-store"
    assert "Content-Encoding" not in response


@pytest.mark.parametrize("as_format", list(Format))
def test_what_is_finished_is_sent_as_it_is(rf, as_format):
    finished = as_format.resource(RESOURCE)

    response = renderers.respond(rf.get("/"), finished, as_format=as_format)

    assert response.content == finished


@pytest.mark.req("GEN-072")
@pytest.mark.parametrize(
    "accepted", ["gzip", "gzip, deflate", "deflate, gzip;q=0.5", "GZIP", "*", "br;q=1.0, *;q=0.1"]
)
def test_a_large_response_is_compressed_for_who_accepts_it(rf, accepted):
    response = renderers.respond(rf.get("/", headers={"Accept-Encoding": accepted}), LARGE)

    assert response["Content-Encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(response.content)) == LARGE
    assert response["Content-Length"] == str(len(response.content))
    assert "Accept-Encoding" in response["Vary"]


@pytest.mark.req("GEN-072")
@pytest.mark.parametrize("accepted", ["", "identity", "deflate", "gzip;q=0", "gzip;q=0, *"])
def test_a_large_response_is_plain_for_who_does_not_accept_gzip(rf, accepted):
    response = renderers.respond(rf.get("/", headers={"Accept-Encoding": accepted}), LARGE)

    assert "Content-Encoding" not in response
    assert orjson.loads(response.content) == LARGE


def test_a_small_response_is_not_worth_compressing(rf):
    response = renderers.respond(rf.get("/", headers={"Accept-Encoding": "gzip"}), RESOURCE)

    assert "Content-Encoding" not in response


@pytest.mark.req("GEN-099")
def test_a_response_without_body_has_no_media_type(rf):
    response = renderers.respond(rf.get("/"), None, status=201, headers={"ETag": 'W/"1"'})

    assert response.content == b""
    assert "Content-Type" not in response
    assert response["Content-Length"] == "0"
    assert response["ETag"] == 'W/"1"'
