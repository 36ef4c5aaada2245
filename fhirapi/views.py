"""One way in: GPConnectView guards, answers, audits. Below it, a short class for each URL."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import http_date
from rest_framework.views import APIView

from fhirapi import conformance, guards, jwt, parsers, renderers, sentinels, ssp, transcript
from fhirapi.errors import (
    ACCESS_DENIED,
    BAD_REQUEST,
    NO_RECORD_FOUND,
    NOT_IMPLEMENTED,
    ORGANISATION_NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    FHIRError,
    SpineError,
    is_contention,
    trace_id_of,
)
from fhirapi.formats import Format
from fhirapi.jwt import Requester
from fhirapi.resources.common import Element
from fhirapi.ssp import Interaction
from practice.db.availability import database_within_reach, is_unreachable, note_failure
from practice.db.journeys import one_journey
from practice.db.replicas import from_replica
from practice.db.row_security import bound_to, bound_to_ods_code
from practice.db.transactions import last_step, single_transaction
from practice.models import AuditEvent, Organisation
from practice.reads.directory import practice_later
from practice.services.audit import recording
from practice.services.audit.recording import Actor, Facts


class GPConnectRequest(HttpRequest):
    """Django's request with what the guards have found out about it, in the order they find it.

    Django REST framework's own would look up everything twice, and nothing of it is needed here.
    ``now`` is the one reading of the clock (UTC). What no guard has reached yet is not there; a
    handler runs only once all of it is.
    """

    now: datetime
    practice: Organisation
    interaction: Interaction
    requester: Requester
    actor: Actor
    fhir_format: Format


class GPConnectView(APIView):
    """What every URL under a service root does before and after its own few lines.

    ``interactions`` says which interactions each verb serves: one, or several that only
    ``Ssp-InteractionID`` tells apart. A handler is named for its verb, as usual; it takes the
    request and the ids of the path (not the ODS code: see ``request.practice``), and returns one
    of the responses below, or raises.
    """

    interactions: ClassVar[Mapping[str, Interaction | tuple[Interaction, ...]]] = {}
    # What the address of a version that is not the current one is answered with.
    no_such_version: ClassVar[SpineError] = NO_RECORD_FOUND
    # Whether what a query finds may be a moment old, so that a replica may be asked. The guards and
    # the trail are not the handler's and stay with the primary (ENA-007).
    may_be_stale: ClassVar[bool] = False

    # Not Django REST framework's, which nothing here asks for.
    request: GPConnectRequest  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard, answer, audit; whatever goes wrong becomes an OperationOutcome, audited too."""
        self.request = cast(GPConnectRequest, request)
        self.concerns: dict[str, Any] = {}
        self.exchange = ""  # in a sandbox: what the trail calls this request and its answer
        ods_code = kwargs.pop("ods_code")
        self.version_asked_for: str | None = kwargs.pop("version", None)
        with ExitStack() as self.binding:
            try:
                self.initial(self.request, ods_code, **kwargs)
                response = self.answer(**kwargs)
            except Exception as exc:
                response = self.refuse(exc)
            if self.exchange:
                transcript.keep(self.request, response, self.request.practice, key=self.exchange)
            return response

    # ------------------------------------------------------------ the guards

    def initial(  # type: ignore[override]
        self, request: GPConnectRequest, ods_code: str, **ids: str
    ) -> None:
        """The checks that come before any data is touched; the first to fail decides (ERR-062)."""
        request.now = timezone.now()
        guards.check_client(request.headers)
        told = self.token_told()
        request.practice = self.find_practice(
            ods_code, foreseen=ids if isinstance(told, Requester) else None
        )
        self.binding.enter_context(bound_to(request.practice.pk))
        if request.practice.sandbox_of:
            self.exchange = uuid.uuid4().hex
            self.about(exchange=self.exchange)
        offered = self.offered(request.method or "")
        request.interaction = ssp.check(
            request.headers, offered=offered, asid=request.practice.asid
        )
        if isinstance(told, FHIRError):
            raise told
        request.requester = told
        request.actor = actor(request, request.requester)
        if settings.GPCONNECT_CHECK_AUDIENCE:
            jwt.check_audience(request.requester, self.service_root())
        if settings.GPCONNECT_ENFORCE_SCOPE:
            jwt.check_scope(request.requester, request.interaction)
        guards.check_rate(
            (request.practice.pk, request.headers[ssp.SENT_FROM], request.requester.ods_code),
            is_command=request.interaction.is_command,
        )
        check_enabled(request.practice, request.interaction)
        request.fhir_format = agreed_format(request)
        if request.method in {"POST", "PUT"}:
            parsers.body_format(request)
        if request.practice.sandbox_of:
            sentinels.check_address(
                request.interaction,
                ids=ids.values(),
                query=dict(request.GET.lists()),
                trace_id=trace_id_of(request),
            )

    def token_told(self) -> Requester | FHIRError:
        """Whom the token names, or what is wrong with it: to be said when its turn comes."""
        request = self.request
        try:
            return jwt.check(request.headers.get("Authorization", ""), now=request.now)
        except FHIRError as refusal:
            return refusal

    def find_practice(self, ods_code: str, *, foreseen: dict[str, str] | None) -> Organisation:
        """The practice of a service root; case counts, ASIDs play no part (GEN-007, GEN-008).

        With the question goes what the handler will ask about the ids of the path, ``foreseen``;
        None: nothing, as for those who do not say who they are.
        """
        practice = None
        if ods_code.isascii() and ods_code.isalnum():
            with database_within_reach():
                with bound_to_ods_code(ods_code), one_journey():
                    asked = practice_later(ods_code)
                    if foreseen is not None:
                        self.foresee(ods_code, **foreseen)
                practice = asked.first()
        if practice is None:
            raise FHIRError(ORGANISATION_NOT_FOUND, "No practice has this service root.")
        return practice

    def foresee(self, ods_code: str, **ids: str) -> None:
        """Ask what the handler will need of this practice, if that is known beforehand.

        It is asked before all guards have let them in: only the handler may read the answer.
        """

    def offered(self, verb: str) -> tuple[Interaction, ...]:
        """The interactions that this URL serves with a verb. Raises BAD_REQUEST if none (GEN-011).

        HEAD and OPTIONS are verbs like any other: no interaction uses them.
        """
        offered = self.interactions.get(verb, ())
        if not offered:
            raise FHIRError(
                BAD_REQUEST,
                f"The HTTP verb must be {' or '.join(self.interactions)} for this address.",
                headers={"Allow": ", ".join(self.interactions)},
            )
        return offered if isinstance(offered, tuple) else (offered,)

    # ------------------------------------------------------------ what was sent

    def resource_sent(self, expected: str) -> Element:
        """The resource in the body, of the type ``expected``; references to us are relative ones.

        Raises what parsers.parse_body raises.
        """
        resource = parsers.parse_body(self.request, expected=expected)
        conformance.make_local(resource, service_root=self.service_root())
        if self.request.practice.sandbox_of:
            sentinels.check_body(
                self.request.interaction, resource, trace_id=trace_id_of(self.request)
            )
        return resource

    # ------------------------------------------------------------ the answer

    def answer(self, **kwargs: Any) -> HttpResponse:
        """The handler's response, audited: a command and its record succeed or fail together.

        A command that lost to another transaction (a deadlock, a busy SQLite file) is tried once
        more from the start; nothing of it had been stored.
        """
        request = self.request
        handler: Callable[..., HttpResponse] = getattr(self, (request.method or "").lower())
        if not request.interaction.is_command:
            read = partial(handler, request, **kwargs)
            response = from_replica(read) if self.may_be_stale else read()
            self.audit(response)
            return response
        for is_last_try in (False, True):
            try:
                with single_transaction():
                    response = handler(request, **kwargs)
                    with last_step():
                        self.audit(response)
                break
            except OperationalError as error:
                if is_last_try or not is_contention(error):
                    raise
        return response

    def resource_response(
        self, resource: Element, *, last_modified: datetime | None = None
    ) -> HttpResponse:
        """A response that carries one resource, with the headers of its version (GEN-090 to 097).

        The status is the interaction's. A command's body is left out if the consumer prefers so.
        Raises ``no_such_version`` where the address names another one: none is kept (GEN-095).
        """
        headers = {}
        kind, pk = resource["resourceType"], resource.get("id")
        version = resource.get("meta", {}).get("versionId")
        if self.version_asked_for not in (None, version):
            raise FHIRError(self.no_such_version, "This is not the current version.")
        if pk and version:
            address = f"{self.service_root()}/{kind}/{pk}/_history/{version}"
            headers = {"ETag": f'W/"{version}"', "Content-Location": address}
            if self.request.interaction.success_status == 201:
                headers["Location"] = address
            self.concerns.setdefault("resource", f"{kind}/{pk}")
        if last_modified:
            headers["Last-Modified"] = http_date(last_modified.timestamp())
        return renderers.respond(
            self.request,
            None if self.prefers_minimal() else resource,
            status=self.request.interaction.success_status,
            headers=headers,
            as_format=self.request.fhir_format,
        )

    def bundle_response(self, bundle: Element | bytes) -> HttpResponse:
        """A response that carries a searchset, as a dict or finished (GEN-091)."""
        return renderers.respond(
            self.request,
            bundle,
            status=self.request.interaction.success_status,
            as_format=self.request.fhir_format,
        )

    def prefers_minimal(self) -> bool:
        """Whether a create or update is to be answered without its body (GEN-099, DEC-064)."""
        prefer = self.request.headers.get("Prefer", "").lower().replace(" ", "")
        return self.request.interaction.is_command and "return=minimal" in prefer

    def service_root(self) -> str:
        """The practice's service root URL, without a trailing slash."""
        request = self.request
        address = f"{request.scheme}://{request.get_host()}"
        return ssp.service_root(request.practice.ods_code, address)  # of letters and digits

    # ------------------------------------------------------------ the trail

    def about(self, *, patient_id: int | None = None, resource: str = "", **detail: Any) -> None:
        """Note whom and what the request concerns, for the audit trail; ``detail`` adds to it.

        ``resource`` is such as "Appointment/9". To be called as soon as it is known, so that a
        later refusal is recorded with it.
        """
        known = {"patient_id": patient_id, "resource": resource}
        self.concerns.update({name: value for name, value in known.items() if value})
        self.concerns["detail"] = {**self.concerns.get("detail", {}), **detail}

    def audit(self, response: HttpResponse) -> None:
        """Record the request and its outcome: refused or not, there is no way round (AUD-002)."""
        practice = getattr(self.request, "practice", None)
        recording.record(organisation=practice, **self.event(response))

    def event(self, response: HttpResponse) -> Facts:
        """The request and its outcome, as they are told to the trail."""
        request = self.request
        refusal: FHIRError | None = getattr(response, "refusal", None)
        known = getattr(request, "actor", None) or actor(request, None)
        facts = {
            "actor": known,
            "event": known.interaction or f"{request.method} without an interaction id",
            "outcome": str(response.status_code),
            "now": request.now,
            "spine_code": refusal.error.code if refusal else "",
            "diagnostics": " ".join(refusal.diagnostics) if refusal else "",
            **self.concerns,
        }
        return cast(Facts, facts)

    def refuse(self, exc: Exception) -> HttpResponse:
        """The response for an exception, audited after everything else has been rolled back.

        What the trail cannot take now is kept aside for it. A database that is known to be away is
        not asked.
        """
        response = self.handle_exception(exc)
        note_failure(exc)
        if not is_unreachable(exc):
            try:
                with database_within_reach():
                    self.audit(response)
                return response
            except Exception as failure:
                response = self.handle_exception(failure)
        recording.spool_event(ods_code=self.kwargs["ods_code"], **self.event(response))
        return response


class NotImplementedView(GPConnectView):
    """Every path under a service root that is no interaction's (GEN-010)."""

    def offered(self, verb: str) -> tuple[Interaction, ...]:
        """Nothing, with any verb."""
        raise not_implemented()


def not_implemented() -> FHIRError:
    """What an address is answered with that is no interaction's."""
    return FHIRError(NOT_IMPLEMENTED, "No interaction with this address is implemented.")


def check_enabled(practice: Organisation, interaction: Interaction) -> None:
    """Refuse what the practice has switched off; the capability statement never is (ENA-010...)."""
    if interaction.capability is None:
        return
    if not practice.gp_connect_enabled:
        raise FHIRError(ACCESS_DENIED, "GP Connect is disabled at this practice.")
    if interaction.capability == ssp.APPOINTMENTS and not practice.appointment_management_enabled:
        raise FHIRError(
            ACCESS_DENIED, "The Appointment Management capability is disabled at this practice."
        )


def agreed_format(request: HttpRequest) -> Format:
    """The format of the answer. Raises 415 when the consumer asks only for others (GEN-056)."""
    agreed = renderers.negotiate(request)
    if agreed is None:
        raise FHIRError(
            UNSUPPORTED_MEDIA_TYPE,
            "The format asked for (_format or Accept) is not supported:"
            " application/fhir+json and application/fhir+xml are.",
        )
    return agreed


ADDRESS_LENGTH = 200  # characters, that the trail has room for


def actor(request: HttpRequest, requester: Requester | None) -> Actor:
    """Who asks, for the audit trail and for provenance: whatever is known by now (AUD-012, 015)."""
    headers = request.headers
    # What the Secure Proxy says of those behind it, then what nginx adds of the proxy itself.
    told = [headers.get("Forwarded", ""), headers.get("X-Forwarded-For", "")]
    forwarded = ", ".join(filter(None, told))
    detail = {
        "verb": request.method,
        "url": request.get_full_path(),
        "ssp_from": headers.get(ssp.SENT_FROM, ""),
        "ssp_to": headers.get(ssp.SENT_TO, ""),
        "forwarded": forwarded,
    }
    known: dict[str, Any] = {
        "door": AuditEvent.Door.GP_CONNECT,
        "trace_id": headers.get(ssp.TRACE_ID, "").strip(),
        "interaction": headers.get(ssp.INTERACTION_ID, "").strip(),
        # The end of it, where it is too long: the beginning is the word of strangers.
        "address": forwarded[-ADDRESS_LENGTH:] or request.META.get("REMOTE_ADDR", ""),
    }
    if requester is None:
        return Actor(**known, detail=detail)
    has_role = requester.role_profile_id != jwt.UNKNOWN
    return Actor(
        **known,
        ods_code=requester.ods_code,
        user_id=requester.user_id,
        name=requester.user_name,
        role=requester.role_profile_id if has_role else "unknown",
        organisation=f"{requester.organisation_name} ({requester.ods_code})",
        device=" ".join(
            (requester.device_identifier, requester.device_model, requester.device_version)
        ),
        detail={
            **detail,
            "iss": requester.iss,
            "sub": requester.sub,
            "aud": requester.aud,
            "requested_scope": requester.scope,
            "reason_for_request": requester.reason_for_request,
            "user_identifiers": requester.user_identifiers,
            "organisation_ods_code": requester.ods_code,
        },
    )
