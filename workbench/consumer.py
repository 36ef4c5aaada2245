"""A consumer's system, as seen from here: it sends what a well-behaved one sends.

Only the token is made by the client library (``consumer``), whose judgement no test borrows.
One method for each interaction. Whatever is to be wrong is named: ``headers`` and ``claims``
replace single values (ABSENT leaves one out, None in a claim is JSON's null), ``token`` the whole
token.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from fhir.resources.STU3 import get_fhir_model_class
from lxml import etree

from consumer import tokens
from consumer.formats import TYPES
from consumer.identity import NHS_NUMBER, ODS_CODE, SDS_USER_ID, Device, Identity, User
from consumer.identity import Organisation as ConsumerOrganisation
from fhirapi import formats, parsers, ssp
from fhirapi.ssp import Interaction
from practice.models import Organisation

ABSENT: Any = tokens.ABSENT

ASID = "200000000115"
CONSUMER_ODS_CODE = "A1001"
IDENTITY = Identity(
    ASID,
    ConsumerOrganisation(CONSUMER_ODS_CODE, "Test Hospital"),
    User(
        *("10019", "Jones", "Claire", "Dr"),
        sds_user_id="111222333444",
        sds_role_profile_id="444555666777",
        local_system="https://consumer.example/Id/user-guid",
        local_id="98ed4f78-814d",
    ),
    Device("CONS-APP-4", "Consumer product", "5.3.0"),
)
encode_part, make_token = tokens.encode_part, tokens.encode


# ---------------------------------------------------------------- the token


def make_claims(
    *, scope: str, audience: str = "https://provider.example", **overrides: Any
) -> dict[str, Any]:
    """The claims of a token made now; every claim can be replaced, or left out by ABSENT."""
    now = timezone.now().timestamp()
    return tokens.claims(
        IDENTITY, scope=scope, audience=audience, issued_at=now, replaced=overrides
    )


# ---------------------------------------------------------------- the consumer


class Sender(Protocol):
    """Django's test client, or ``servers.NetworkClient``, which goes through a real server."""

    def generic(
        self,
        verb: str,
        path: str,
        /,
        *,
        data: bytes,
        content_type: str,
        headers: Mapping[str, str],
    ) -> Any: ...


class Consumer:
    """Talks to one practice: ``consumer.read_patient(7, headers={"Ssp-To": ABSENT})``.

    Every method takes ``headers``, ``claims``, ``token``, ``query``, ``format`` ("json" or "xml")
    and ``content_type``; a body may be a dict or raw bytes. What is given to the constructor holds
    for every request. Returns Django's response; see the functions at the end to read it.
    """

    def __init__(
        self,
        organisation: Organisation,
        *,
        format: str = "json",
        headers: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
        client: Sender | None = None,
    ) -> None:
        self.organisation = organisation
        self.format = format
        self.headers = dict(headers or {})
        self.claims = dict(claims or {})
        self.client: Sender = client or Client()

    @property
    def base(self) -> str:
        """The path of the practice's service root."""
        return f"/{self.organisation.ods_code}/STU3/1/gpconnect"

    def send(
        self,
        interaction: Interaction,
        path: str | None = None,
        *,
        verb: str | None = None,
        body: Any = None,
        query: str | Mapping[str, Any] = "",
        headers: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
        token: str | None = None,
        format: str | None = None,
        content_type: str | None = None,
    ) -> HttpResponse:
        """Send a request of an interaction; ``path`` is below the service root."""
        format = format or self.format
        if token is None:
            asked = {"scope": interaction.scope, **self.claims, **(claims or {})}
            token = make_token(make_claims(**asked))
        sent = {
            "Ssp-TraceID": str(uuid.uuid4()),
            "Ssp-From": ASID,
            "Ssp-To": self.organisation.asid,
            "Ssp-InteractionID": interaction.id,
            "Authorization": f"Bearer {token}",
            "Accept": f"{TYPES[format]};charset=utf-8",
            **self.headers,
            **(headers or {}),
        }
        address = self.base + (interaction.path if path is None else path)
        if query:
            encoded = query if isinstance(query, str) else urlencode(query, doseq=True)
            address += f"?{encoded}"
        if isinstance(body, dict):
            body = formats.to_xml(body) if format == "xml" else orjson.dumps(body)
        return self.client.generic(
            verb or interaction.verb,
            address,
            data=body or b"",
            content_type=content_type if content_type is not None else TYPES[format],
            headers={name: value for name, value in sent.items() if value is not ABSENT},
        )

    def read_metadata(self, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_METADATA, **given)

    def search_slots(self, query: str | Mapping[str, Any] = "", **given: Any) -> HttpResponse:
        """``query`` as a string, or as a dict whose values may be lists."""
        return self.send(ssp.SEARCH_SLOTS, query=query, **given)

    def book(self, body: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.BOOK_APPOINTMENT, body=body, **given)

    def read_appointment(self, pk: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_APPOINTMENT, f"/Appointment/{pk}", **given)

    def retrieve(self, patient: Any, start: str = "", end: str = "", **given: Any) -> HttpResponse:
        """``start`` and ``end`` are dates (yyyy-mm-dd); or give the whole ``query``."""
        given.setdefault("query", {"start": [f"ge{start}", f"le{end}"]} if start else "")
        return self.send(ssp.RETRIEVE_APPOINTMENTS, f"/Patient/{patient}/Appointment", **given)

    def amend(self, pk: Any, body: Any, *, if_match: Any = ABSENT, **given: Any) -> HttpResponse:
        """``if_match`` is the ETag as it was received, or ABSENT."""
        return self._put(ssp.AMEND_APPOINTMENT, pk, body, if_match, given)

    def cancel(self, pk: Any, body: Any, *, if_match: Any = ABSENT, **given: Any) -> HttpResponse:
        """``if_match`` is the ETag as it was received, or ABSENT."""
        return self._put(ssp.CANCEL_APPOINTMENT, pk, body, if_match, given)

    def _put(
        self, interaction: Interaction, pk: Any, body: Any, if_match: Any, given: dict
    ) -> HttpResponse:
        given["headers"] = {"If-Match": if_match, **(given.get("headers") or {})}
        return self.send(interaction, f"/Appointment/{pk}", body=body, **given)

    def find_patient(self, nhs_number: str, **given: Any) -> HttpResponse:
        return self._find(ssp.FIND_PATIENT, NHS_NUMBER, nhs_number, given)

    def read_patient(self, pk: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_PATIENT, f"/Patient/{pk}", **given)

    def register(self, body: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.REGISTER_PATIENT, body=body, **given)

    def find_practitioner(self, sds_user_id: str, **given: Any) -> HttpResponse:
        return self._find(ssp.FIND_PRACTITIONER, SDS_USER_ID, sds_user_id, given)

    def read_practitioner(self, pk: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_PRACTITIONER, f"/Practitioner/{pk}", **given)

    def find_organisation(self, ods_code: str, **given: Any) -> HttpResponse:
        return self._find(ssp.FIND_ORGANISATION, ODS_CODE, ods_code, given)

    def read_organisation(self, pk: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_ORGANISATION, f"/Organization/{pk}", **given)

    def read_location(self, pk: Any, **given: Any) -> HttpResponse:
        return self.send(ssp.READ_LOCATION, f"/Location/{pk}", **given)

    def _find(self, interaction: Interaction, system: str, value: str, given: dict) -> HttpResponse:
        given.setdefault("query", {"identifier": f"{system}|{value}"})
        return self.send(interaction, **given)


# ---------------------------------------------------------------- reading an answer


def as_dict(response: HttpResponse) -> dict[str, Any]:
    """The body as a dict, read from JSON or XML as its Content-Type says."""
    if response["Content-Type"].startswith(TYPES["xml"]):
        return parsers.from_xml(response.content)
    return orjson.loads(response.content)


def read_back(response: HttpResponse) -> Any:
    """The body as an object of fhir.resources, which checks it; JSON or XML by Content-Type."""
    if response["Content-Type"].startswith(TYPES["xml"]):
        name = etree.QName(etree.fromstring(response.content)).localname
        return get_fhir_model_class(name).model_validate_xml(response.content)
    body = orjson.loads(response.content)
    return get_fhir_model_class(body["resourceType"]).model_validate(body)


def issues(response: HttpResponse) -> list[dict[str, Any]]:
    """The issues of an OperationOutcome, which must be valid."""
    assert read_back(response).get_resource_type() == "OperationOutcome"
    return as_dict(response)["issue"]


def spine_code(response: HttpResponse) -> str:
    """The Spine error code of an OperationOutcome."""
    return issues(response)[0]["details"]["coding"][0]["code"]


def diagnostics(response: HttpResponse) -> str:
    """The diagnostics of all issues of an OperationOutcome."""
    return " ".join(issue.get("diagnostics", "") for issue in issues(response))
