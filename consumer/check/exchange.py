"""A request and its answer, kept for the report."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from consumer import resources
from consumer.formats import TYPES
from consumer.transport import Request, header

JSON, XML = TYPES["json"], TYPES["xml"]

GZIP = b"\x1f\x8b"  # how a packed body begins


@dataclass(frozen=True)
class Answered:
    """An answer as it came; ``status`` is 0 if none came, and ``fault`` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""

    def header(self, name: str) -> str:
        """What ``header`` finds among these."""
        return header(self.headers, name)


@dataclass
class Exchange:
    """One request with its answer. ``what`` is the name of the interaction."""

    number: int
    what: str
    sent: Request
    answered: Answered

    @property
    def status(self) -> int:
        return self.answered.status

    def header(self, name: str) -> str:
        return self.answered.header(name)

    @cached_property
    def text(self) -> bytes:
        """The body, unpacked if it came packed."""
        body = self.answered.body
        if not body.startswith(GZIP):  # most transports have unpacked it
            return body
        try:
            return gzip.decompress(body)
        except (OSError, zlib.error, EOFError):
            return b""

    @property
    def is_xml(self) -> bool:
        return "xml" in self.header("Content-Type").lower()

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The body as a dict; empty if it is no JSON object."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def kind(self) -> str:
        """The type of the resource in the answer, or an empty text."""
        return str(self.resource.get("resourceType", ""))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The resources of a Bundle."""
        return list(resources.entries(self.resource))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The entries of one type."""
        return list(resources.entries(self.resource, kind))

    def shown(self, kind: str) -> list[dict[str, Any]]:
        """The entries of one type if it is a Bundle, else the answer itself."""
        return self.of_type(kind) if self.kind == "Bundle" else [self.resource]

    @property
    def version(self) -> Any:
        """The version of the resource, as it was sent."""
        return (self.resource.get("meta") or {}).get("versionId")

    @property
    def issues(self) -> list[dict[str, Any]]:
        """The issues of an OperationOutcome."""
        found = self.resource.get("issue")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    @property
    def spine_code(self) -> str:
        """The Spine code of the first issue, or an empty text."""
        for coding in codings(self.issues[:1]):
            return str(coding.get("code", ""))
        return ""

    @property
    def diagnostics(self) -> str:
        return " ".join(str(each.get("diagnostics", "")) for each in self.issues).strip()

    def __str__(self) -> str:
        if not self.status:
            return f"no answer ({self.answered.fault})"
        code = f" {self.spine_code}" if self.spine_code else ""
        said = f": {self.diagnostics}" if self.diagnostics else ""
        return f"{self.status}{code}{said}"


def codings(issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The codings of the details of issues."""
    found = []
    for issue in issues:
        details = issue.get("details")
        inner = details.get("coding") if isinstance(details, dict) else None
        found += (
            [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []
        )
    return found
