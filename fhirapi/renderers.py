"""Plain dict to response: the format agreed on, and the HTTP around it.

Nothing here raises anything of ours, so that an error can always be answered.
"""

import gzip
from collections.abc import Iterator, Mapping
from functools import lru_cache

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

from fhirapi.formats import Format
from fhirapi.resources.common import Element

FORMATS_BY_MEDIA_TYPE = {
    "application/fhir+json": Format.JSON,
    "application/json": Format.JSON,
    "text/json": Format.JSON,
    "application/fhir+xml": Format.XML,
    "application/xml": Format.XML,
    "text/xml": Format.XML,
}
FORMATS_BY_SHORT_NAME = {"json": Format.JSON, "xml": Format.XML}

SMALLEST_WORTH_COMPRESSING = 1024  # bytes


# ---------------------------------------------------------------- which format


def media_type(header: str) -> str:
    """The media type of a header or parameter, without its parameters and in lower case.

    A '+' that arrived unescaped in a query string has become a space; it is put back (GEN-062).
    """
    return header.partition(";")[0].strip().lower().replace(" ", "+")


def negotiate(request: HttpRequest) -> Format | None:
    """The format of the response, or None when the consumer asks only for others.

    Order: ``_format``, ``Accept``, ``Content-Type``, JSON (GEN-052 to 055). A Content-Type that
    says nothing about FHIR is ignored here: on a GET it is noise, on a body the parser refuses it.
    """
    environ = request.META
    wanted = request.GET.get("_format", "") if environ.get("QUERY_STRING") else ""
    return negotiated(wanted, environ.get("HTTP_ACCEPT", ""), environ.get("CONTENT_TYPE", ""))


@lru_cache(maxsize=256)
def negotiated(wanted: str, accept: str, content_type: str) -> Format | None:
    """The same, from ``_format`` and the two headers: nearly all consumers send the same few."""
    wanted = media_type(wanted)
    if wanted:
        return FORMATS_BY_MEDIA_TYPE.get(wanted) or FORMATS_BY_SHORT_NAME.get(wanted)
    own = FORMATS_BY_MEDIA_TYPE.get(media_type(content_type), Format.JSON)
    accept = accept.strip()
    return accepted(accept, preferred=own) if accept else own


def accepted(accept: str, *, preferred: Format) -> Format | None:
    """The better liked format of an Accept header; ``preferred`` where it likes both alike.

    A format's quality is that of the most specific range naming it (RFC 7231, section 5.3.2).
    Between equals, one that is named wins over one that a wildcard covers, then the earlier one.
    """
    ranges = [(media, (quality, -place)) for place, (media, quality) in enumerate(listed(accept))]

    def liking(candidate: Format) -> tuple[float, bool, int]:
        exact = [rank for media, rank in ranges if FORMATS_BY_MEDIA_TYPE.get(media) is candidate]
        partial = [rank for media, rank in ranges if media in {"application/*", "text/*"}]
        anything = [rank for media, rank in ranges if media == "*/*"]
        quality, place = max(exact or partial or anything or [(0.0, 0)])
        return quality, bool(exact), place

    best = max((preferred, *Format), key=liking)
    return best if liking(best)[0] > 0 else None


def listed(header: str) -> Iterator[tuple[str, float]]:
    """Each entry of an Accept or Accept-Encoding header with its quality, 0 to 1, in order."""
    for entry in header.split(","):
        name, *parameters = entry.split(";")
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        yield media_type(name), quality


def format_or_json(request: HttpRequest) -> Format:
    """The format for an error: JSON when none could be agreed (ERR-015)."""
    try:
        return negotiate(request) or Format.JSON
    except SuspiciousOperation:  # a query string with too many parameters to be read
        return Format.JSON


# ---------------------------------------------------------------- the HTTP around a body


def respond(
    request: HttpRequest,
    body: Element | bytes | None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    as_format: Format | None = None,
) -> HttpResponse:
    """A finished response: ``body`` is a resource, one that is finished, or None for no body.

    Never stored (GEN-074), its length known, compressed when accepted and worth it (GEN-072).
    """
    as_format = as_format or format_or_json(request)
    content = b"" if body is None else render(body, as_format)
    response = HttpResponse(content, status=status, content_type=as_format.content_type)
    if body is None:
        del response["Content-Type"]  # a FHIR type on an empty body breaks parsers (DEC-064)
    elif len(content) > SMALLEST_WORTH_COMPRESSING and accepts_gzip(request):
        response.content = gzip.compress(content, compresslevel=1, mtime=0)
        response["Content-Encoding"] = "gzip"
    response["Content-Length"] = str(len(response.content))
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Accept, Accept-Encoding"
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether Accept-Encoding names gzip, or everything, with a quality above nought."""
    return names_gzip(request.META.get("HTTP_ACCEPT_ENCODING", ""))


@lru_cache(maxsize=256)
def names_gzip(accept_encoding: str) -> bool:
    """The same, of the header."""
    qualities = dict(listed(accept_encoding))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def render(body: Element | bytes, as_format: Format) -> bytes:
    """A resource as the bytes of a response; bytes are finished already, in the same format."""
    return body if isinstance(body, bytes) else as_format.resource(body)
