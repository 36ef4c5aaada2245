"""The typed client: find a slot at several practices, book it, and what follows.

    with Client(identity) as client:
        for result in client.search_many(practices, today, today + timedelta(days=6)):
            print(result.provider, result.error or result.found.slots)

Every method raises what ``consumer.errors`` names. A change is never sent twice; when its fate is
unknown, ``settle_booking`` (or reading the appointment) tells what became of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from consumer import bodies, calls, formats, interactions, resources, times
from consumer.bodies import NewPatient
from consumer.calls import Query
from consumer.errors import About, BadAnswer, ConsumerError, FateUnknown, NoAnswer, Refused
from consumer.formats import Resource, Unreadable
from consumer.identity import NHS_NUMBER, ODS_CODE, Identity, Provider
from consumer.interactions import Interaction
from consumer.resources import (
    ORGANISATION_TYPE,
    Appointment,
    FreeSlots,
    Patient,
    Slot,
    Unusable,
)
from consumer.transport import Answer, Limits, Request, Transport

LONGEST_SEARCH = timedelta(days=14)
MOST_AT_ONCE = 32
Day = date | datetime
Read = TypeVar("Read")

INCLUDES = (
    ("_include", "Slot:schedule"),
    ("_include:recurse", "Schedule:actor:Practitioner"),
    ("_include:recurse", "Schedule:actor:Location"),
    ("_include:recurse", "Location:managingOrganization"),
)


@dataclass(frozen=True)
class SearchResult:
    """What one practice of several answered: ``found``, or ``error``, never both."""

    provider: Provider
    found: FreeSlots | None
    error: ConsumerError | None
    seconds: float


class Client:
    """Calls practices as ``identity``, in JSON or XML; for many threads at once."""

    def __init__(
        self,
        identity: Identity,
        *,
        transport: Transport | None = None,
        limits: Limits | None = None,
        format: str = "json",
    ) -> None:
        self.identity = identity
        self.transport = transport or Transport(limits)
        self.limits = limits or self.transport.limits
        self.format = format

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *problem: object) -> None:
        self.transport.close()

    # ------------------------------------------------------------ slots

    def search(self, provider: Provider, start: Day, end: Day) -> FreeSlots:
        """A practice's free slots within two weeks: whole days, or times with an offset."""
        bundle = self._ask(
            provider, interactions.SEARCH_SLOTS, query=self._search_query(start, end)
        )
        return resources.read_slots(bundle)

    def search_many(
        self, providers: Sequence[Provider], start: Day, end: Day
    ) -> list[SearchResult]:
        """The same at several practices at once: a result for each, in their order.

        One that fails, or is not there in time, takes nothing from the others.
        """
        self._search_query(start, end)  # a range that nobody accepts is nobody's failure
        began = time.monotonic()
        pool = ThreadPoolExecutor(max_workers=min(len(providers), MOST_AT_ONCE) or 1)
        try:
            futures = [pool.submit(self._one_result, each, start, end) for each in providers]
            rounds = -(-len(providers) // MOST_AT_ONCE)
            wait(futures, timeout=self.limits.total * rounds + 0.5)
            return [
                _result(future, provider, time.monotonic() - began)
                for future, provider in zip(futures, providers, strict=True)
            ]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _one_result(self, provider: Provider, start: Day, end: Day) -> SearchResult:
        began = time.monotonic()
        try:
            found = self.search(provider, start, end)
        except ConsumerError as error:
            return SearchResult(provider, None, error, time.monotonic() - began)
        return SearchResult(provider, found, None, time.monotonic() - began)

    def _search_query(self, start: Day, end: Day) -> list[tuple[str, str]]:
        if _length(start, end) > LONGEST_SEARCH or _length(start, end) < timedelta(0):
            raise ValueError("a search covers two weeks at most, and its end follows its start")
        own = self.identity.organisation
        query = [
            ("start", f"ge{_bound(start)}"),
            ("end", f"le{_bound(end)}"),
            ("status", "free"),
            *INCLUDES,
            ("searchFilter", f"{ODS_CODE}|{own.ods_code}"),
        ]
        if own.type:
            query.append(("searchFilter", f"{ORGANISATION_TYPE}|{own.type}"))
        return query

    # ------------------------------------------------------------ patients

    def find_patient(self, provider: Provider, nhs_number: str) -> Patient | None:
        """The practice's patient of an NHS number, or None if they are not known there."""
        bundle = self._ask(
            provider,
            interactions.FIND_PATIENT,
            query=[("identifier", f"{NHS_NUMBER}|{nhs_number.replace(' ', '')}")],
        )
        return self._patient_of(bundle, provider, interactions.FIND_PATIENT)

    def read_patient(self, provider: Provider, patient_id: str) -> Patient:
        """A patient by the practice's own id."""
        interaction = interactions.READ_PATIENT
        found = self._ask(provider, interaction, patient_id)
        return _usable(Patient.read, found, provider, interaction)

    def register_patient(self, provider: Provider, patient: NewPatient) -> Patient:
        """The patient, now known at the practice for a while so that they can be booked."""
        interaction = interactions.REGISTER_PATIENT
        bundle = self._ask(provider, interaction, body=bodies.registration(patient))
        registered = self._patient_of(bundle, provider, interaction)
        if registered is None:
            raise BadAnswer(
                ["the Bundle holds no Patient"], who=str(provider), what=interaction.name
            )
        return registered

    def find_or_register(self, provider: Provider, patient: NewPatient) -> Patient:
        """The patient at the practice, registered only if they are not known there."""
        return self.find_patient(provider, patient.nhs_number) or self.register_patient(
            provider, patient
        )

    def _patient_of(
        self, bundle: Resource, provider: Provider, interaction: Interaction
    ) -> Patient | None:
        found = list(resources.entries(bundle, "Patient"))
        if len(found) > 1:
            raise BadAnswer(
                [f"the Bundle holds {len(found)} patients of one NHS number"],
                who=str(provider),
                what=interaction.name,
            )
        return _usable(Patient.read, found[0], provider, interaction) if found else None

    # ------------------------------------------------------------ appointments

    def book(
        self,
        provider: Provider,
        patient_id: str,
        slots: Sequence[Slot],
        *,
        description: str,
        comment: str = "",
    ) -> Appointment:
        """The appointment, booked. Raises Refused with DUPLICATE_REJECTED if a slot was taken."""
        body = bodies.booking(
            self.identity.organisation,
            patient_id,
            slots,
            description=description,
            comment=comment,
        )
        return self._appointment(provider, interactions.BOOK_APPOINTMENT, body=body)

    def settle_booking(
        self, provider: Provider, patient_id: str, slots: Sequence[Slot]
    ) -> Appointment | None:
        """After FateUnknown: the live appointment of the patient in these slots, or None.

        None means that nothing was booked when the practice answered. A request that was on its way
        may still come in: ask once more after a moment before you book again.
        """
        wanted = {slot.id for slot in slots}
        days = [slot.start.date() for slot in slots]
        for each in self.retrieve(provider, patient_id, min(days), max(days)):
            if set(each.slot_ids) == wanted and not each.is_cancelled:
                return each
        return None

    def read_appointment(self, provider: Provider, appointment_id: str) -> Appointment:
        """An appointment as it is now."""
        return self._appointment(provider, interactions.READ_APPOINTMENT, appointment_id)

    def retrieve(
        self, provider: Provider, patient_id: str, start: date, end: date
    ) -> list[Appointment]:
        """A patient's appointments that begin on these days, from today on, cancelled ones too."""
        interaction = interactions.RETRIEVE_APPOINTMENTS
        query = [("start", f"ge{start:%Y-%m-%d}"), ("start", f"le{end:%Y-%m-%d}")]
        bundle = self._ask(provider, interaction, patient_id, query=query)
        read = [
            _usable(Appointment.read, each, provider, interaction)
            for each in resources.entries(bundle, "Appointment")
        ]
        return sorted(read, key=lambda each: each.start)

    def amend(
        self,
        provider: Provider,
        appointment: Appointment,
        *,
        description: str | None = None,
        comment: str | None = None,
    ) -> Appointment:
        """The appointment with other texts, if nobody changed it since it was read."""
        body = bodies.amendment(
            appointment,
            description=appointment.description if description is None else description,
            comment=appointment.comment if comment is None else comment,
        )
        return self._change(provider, interactions.AMEND_APPOINTMENT, appointment, body)

    def cancel(self, provider: Provider, appointment: Appointment, reason: str) -> Appointment:
        """The appointment, cancelled, if nobody changed it since it was read."""
        body = bodies.cancellation(appointment, reason)
        return self._change(provider, interactions.CANCEL_APPOINTMENT, appointment, body)

    def _change(
        self, provider: Provider, interaction: Interaction, before: Appointment, body: Resource
    ) -> Appointment:
        headers = {"If-Match": before.etag} if before.etag else {}
        return self._appointment(provider, interaction, before.id, body=body, headers=headers)

    def _appointment(
        self, provider: Provider, interaction: Interaction, id: str = "", **given: Any
    ) -> Appointment:
        found = self._ask(provider, interaction, id, expected="Appointment", **given)
        return _usable(Appointment.read, found, provider, interaction)

    # ------------------------------------------------------------ anything

    def capability_statement(self, provider: Provider) -> Resource:
        """What the practice says it can do."""
        return self._ask(provider, interactions.READ_METADATA, expected="CapabilityStatement")

    def _ask(
        self,
        provider: Provider,
        interaction: Interaction,
        id: str = "",
        *,
        query: Query = "",
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        expected: str = "",
    ) -> Resource:
        """The resource that answers an interaction; ``expected`` is its type."""
        request = calls.prepare(
            self.identity,
            provider,
            interaction,
            interaction.path_for(id),
            query=query,
            body=body if body is not None else b"",
            format=self.format,
            headers=headers,
        )
        answer = self.transport.send(request, self.limits)
        return read_answer(answer, request, expected or _expected(interaction))


def _expected(interaction: Interaction) -> str:
    if "[id]" in interaction.path and not interaction.path.endswith("/Appointment"):
        return interaction.path.split("/")[1]
    return "Bundle"


def read_answer(answer: Answer, request: Request, expected: str) -> Resource:
    """The resource of an answer that says yes.

    Raises Refused, BadAnswer, and FateUnknown where a change may have been made all the same.
    """
    about = request.about
    try:
        resource = formats.read(answer.content_type, answer.body)
        problem = ""
    except Unreadable as error:
        resource, problem = {}, str(error)
    status, kind = answer.status, resource.get("resourceType")
    if 200 <= status < 300:
        if kind != expected:
            problem = problem or f"it answered {status} with a {kind}, not a {expected}"
            if request.is_command:
                raise FateUnknown(f"{problem}.", **about)
            raise BadAnswer([problem], status=status, **about)
        return resource
    # What stands between may have given up waiting for a provider that went on.
    if request.is_command and (status in (502, 504) or (status >= 500 and not resource)):
        raise FateUnknown(f"it answered {status}.", **about)
    if kind == "OperationOutcome":
        raise Refused(status, resources.read_issues(resource), **about)
    if 300 <= status < 400:
        problem = "it redirects, which would lose the token"
    raise BadAnswer([f"{status}: {problem or f'it sent a {kind}'}"], status=status, **about)


def _usable(
    read: Callable[[Resource], Read], resource: Resource, provider: Provider, what: Interaction
) -> Read:
    """The typed form of a resource that an answer is about."""
    try:
        return read(resource)
    except Unusable as error:
        about: About = {"who": str(provider), "what": what.name, "trace_id": ""}
        if what.is_command:
            raise FateUnknown(f"it answered, but {error}.", **about) from error
        raise BadAnswer([str(error)], **about) from error


def _result(future: "Future[SearchResult]", provider: Provider, seconds: float) -> SearchResult:
    if future.done() and not future.cancelled():
        return future.result()
    error = NoAnswer("no answer in time.", who=str(provider), what="", late=True)
    return SearchResult(provider, None, error, seconds)


def _bound(day: Day) -> str:
    return times.write(day) if isinstance(day, datetime) else day.isoformat()


def _length(start: Day, end: Day) -> timedelta:
    """The difference as the provider takes it: of times if both are, else of the dates."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return times.uk_local(end) - times.uk_local(start)
    first, last = (
        times.uk_local(each).date() if isinstance(each, datetime) else each for each in (start, end)
    )
    return last - first
