"""The one door to the client library: what is asked of another organisation, in our own words.

Only addresses that the practice's administrator entered and whose host the operator allowed are
called; no redirect is followed, and an answer has a size that it may not exceed. Whatever goes
wrong becomes one of three: nothing was changed there (ElsewhereNotSent, ElsewhereRefused), or
nobody knows (ElsewhereUnknown). Nothing here asks the database anything.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from threading import BoundedSemaphore

from django.conf import settings

from consumer import identity, resources
from consumer.bodies import NewPatient
from consumer.client import Client
from consumer.errors import ConsumerError, FateUnknown, NoAnswer, NotSent, Refused
from consumer.transport import Limits, Transport, tls
from practice import terminology
from practice.exceptions import ElsewhereNotSent, ElsewhereRefused, ElsewhereUnknown
from practice.models import Organisation, Patient, RemoteService
from practice.models.elsewhere import why_not_called
from practice.reads.elsewhere import Caller, Reached

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 3.0  # for a question, all in all
MOST_BYTES = 4 * 2**20
CHANNELS = resources.CHANNELS
QUESTION = Limits(connect=2.0, total=2.8, attempts=2, bytes=MOST_BYTES)
# A change would rather be known than quick; it is sent once.
CHANGE = Limits(connect=2.0, total=8.0, attempts=1, bytes=MOST_BYTES)

NOTHING_LOST = "Nothing was sent that could be lost."
SILENT = f"No answer within three seconds. {NOTHING_LOST}"
BUSY = "Too many people ask other organisations at this moment. Nothing was sent: try again."
NO_CERTIFICATE = "The certificate of this server cannot be used: whoever runs it has to look."

# Whoever waits for others occupies a thread of this server process; the rest are for the practice.
MOST_WAITING = 3
_turns = BoundedSemaphore(MOST_WAITING)


@contextmanager
def turn() -> Iterator[None]:
    """Take one of the few places from which others are asked, or raise ElsewhereNotSent."""
    if not _turns.acquire(timeout=0.5):
        raise ElsewhereNotSent(BUSY)
    try:
        yield
    finally:
        _turns.release()


def named(service: RemoteService) -> dict[str, str]:
    """How the trail names another organisation."""
    return {"at": service.name, "ods_code": service.ods_code}


# ---------------------------------------------------------------- what others say


@dataclass(frozen=True)
class RemoteTime:
    """A free time at another organisation; the first four are ids there."""

    slot: str
    schedule: str
    location: str
    practitioner: str
    start: datetime
    end: datetime
    with_whom: str = ""
    at_place: str = ""
    slot_type: str = ""
    delivery_channel: str = ""

    @property
    def channel_in_words(self) -> str:
        """How it takes place, in words; empty: it was not told."""
        return dict(terminology.delivery_channels()).get(self.delivery_channel, "").lower()

    def packed(self) -> list[str]:
        """As texts, to go through a browser under a signature."""
        start, end = self.start.isoformat(), self.end.isoformat()
        return [
            *(self.slot, self.schedule, self.location, self.practitioner, start, end),
            *(self.with_whom, self.at_place, self.slot_type, self.delivery_channel),
        ]

    @classmethod
    def unpacked(cls, packed: list[str]) -> "RemoteTime":
        """The time that was packed so."""
        slot, schedule, location, practitioner, start, end, *words = packed
        begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
        return cls(slot, schedule, location, practitioner, begins, ends, *words)


@dataclass(frozen=True)
class RemoteBooking:
    """An appointment as the other end has it; ``slots`` are the ids of those it takes."""

    id: str
    slots: tuple[str, ...]
    is_cancelled: bool
    cancellation_reason: str = ""


# ---------------------------------------------------------------- asking


@lru_cache(maxsize=1)
def _transport(certificate: str, key: str, authority: str) -> Transport:
    """The connections of this process; made again when the settings name other files."""
    return Transport(tls=tls(certificate=certificate, key=key, authority=authority))


def _caller(organisation: Organisation, caller: Caller) -> identity.Identity:
    """The practice and the person, as the token names them."""
    issuer = f"https://{settings.GPCONNECT_HOST or (*settings.ALLOWED_HOSTS, 'localhost')[0]}/"
    return identity.Identity(
        asid=organisation.asid,
        organisation=identity.Organisation(
            organisation.ods_code,
            organisation.name,
            organisation.organisation_type,
            organisation.telephone,
        ),
        user=identity.User(
            id=caller.user_id,
            family=caller.family_name,
            given=caller.given_names or caller.user_id,
            prefix=caller.prefix,
            sds_user_id=caller.sds_user_id or identity.UNKNOWN,
            sds_role_profile_id=caller.sds_role_profile_id or identity.UNKNOWN,
            local_system=f"{issuer}Id/user",
        ),
        device=identity.Device(
            organisation.ods_code,
            "Appointment book",
            settings.VERSION,
            system=f"{issuer}Id/device",
        ),
        issuer=issuer,
    )


@dataclass(frozen=True)
class Line:
    """A line to one organisation, for one practice and one person."""

    service: RemoteService
    client: Client
    provider: identity.Provider

    @classmethod
    def to(cls, service: RemoteService, *, organisation: Organisation, caller: Caller) -> "Line":
        """The line, with the practice's own identity. Raises ElsewhereNotSent."""
        if why := why_not_called(service.base_url):
            raise ElsewhereNotSent(f"{service}: {why}")
        try:
            transport = _transport(
                settings.ELSEWHERE_CERTIFICATE, settings.ELSEWHERE_KEY, settings.ELSEWHERE_AUTHORITY
            )
        except OSError as error:  # such as a file that is not there, or no certificate
            logger.exception("the certificate for calls elsewhere")
            raise ElsewhereNotSent(NO_CERTIFICATE) from error
        provider = identity.Provider(
            service.base_url,
            service.asid,
            service.ods_code,
            service.name,
            through=settings.ELSEWHERE_PROXY,
        )
        called_by = _caller(organisation, caller)
        return cls(service, Client(called_by, transport=transport, limits=QUESTION), provider)

    # ------------------------------------------------------------ questions

    def free_times(self, first: date, last: date) -> list[RemoteTime]:
        """Its free times from a day to another, by start."""
        with self._asking():
            found = self.client.search(self.provider, first, last)
        return [_time(slot) for slot in found.slots]

    def find(self, patient: Patient) -> str | None:
        """Its id of a patient; None: it does not know them. Raises if that is somebody else."""
        assert patient.nhs_number
        with self._asking():
            found = self.client.find_patient(self.provider, patient.nhs_number)
        return self._same(found, patient) if found else None

    def appointments(self, patient_id: str, first: date, last: date) -> list[RemoteBooking]:
        """What its patient has there on these days."""
        with self._asking():
            found = self.client.retrieve(self.provider, patient_id, first, last)
        return [_booking(each) for each in found]

    def read(self, remote_id: str) -> RemoteBooking:
        """An appointment as it is there now."""
        with self._asking():
            return _booking(self.client.read_appointment(self.provider, remote_id))

    # ------------------------------------------------------------ changes

    def register(self, patient: Patient, reached: Reached) -> str:
        """Register a patient there for a time; its id of them."""
        new = NewPatient(
            nhs_number=patient.nhs_number or "",
            family=patient.family_name,
            given=patient.given_names,
            birth_date=patient.birth_date,
            gender=patient.gender,
            prefix=patient.prefix,
            telephone=reached.telephone,
            address=reached.address,
            postal_code=reached.postal_code,
        )
        with self._asking(changes=True):
            found = self._to_change.register_patient(self.provider, new)
        return self._same(found, patient)

    def book(self, time: RemoteTime, *, patient_id: str, description: str) -> RemoteBooking:
        """Book a time for its patient."""
        with self._asking(changes=True):
            return _booking(
                self._to_change.book(
                    self.provider, patient_id, [_slot(time)], description=description
                )
            )

    def cancel(self, remote_id: str, *, reason: str) -> None:
        """Cancel an appointment as it is there now; it is read first."""
        with self._asking():
            held = self.client.read_appointment(self.provider, remote_id)
        if held.is_cancelled:
            return
        with self._asking(changes=True):
            self._to_change.cancel(self.provider, held, reason)

    # ------------------------------------------------------------ what goes wrong

    @property
    def _to_change(self) -> Client:
        called_by, transport = self.client.identity, self.client.transport
        return Client(called_by, transport=transport, limits=CHANGE)

    def _same(self, found: resources.Patient, patient: Patient) -> str:
        """The id of whom it found, if the date of birth says that it is the same person."""
        if found.nhs_number != patient.nhs_number or found.birth_date != patient.birth_date:
            raise ElsewhereRefused(
                f"{self.service} has somebody with another date of birth by this NHS number. "
                "Nothing was booked: ring them."
            )
        return found.id

    @contextmanager
    def _asking(self, *, changes: bool = False) -> Iterator[None]:
        """Turn whatever goes wrong into words for staff; a fault of ours is logged as well."""
        name = self.service.name
        try:
            yield
        except FateUnknown as error:
            raise ElsewhereUnknown(f"{name} gave no answer: it may have been done.") from error
        except (NotSent, NoAnswer) as error:
            raise ElsewhereNotSent(f"{name} does not answer. {NOTHING_LOST}") from error
        except Refused as error:
            if changes and error.status >= 500:  # it may have failed after it had done it
                raise ElsewhereUnknown(f"{name} failed: it may have been done.") from error
            raise ElsewhereRefused(_refusal(name, error)) from error
        except ConsumerError as error:
            logger.warning("an answer from elsewhere: %s", error)
            if changes:
                raise ElsewhereUnknown(f"{name} gave an answer that says nothing.") from error
            raise ElsewhereNotSent(f"{name} gave an answer that cannot be read.") from error
        except ValueError as error:  # what the library does not even send
            raise ElsewhereNotSent(f"Nothing was sent to {name}: {error}.") from error


IN_WORDS = {
    "DUPLICATE_REJECTED": "somebody else has just taken this time.",
    "FHIR_CONSTRAINT_VIOLATION": "it was changed there meanwhile: look again.",
    "ACCESS_DENIED": "it lets this practice in no longer, or not yet.",
    "ORGANISATION_NOT_FOUND": "it does not know the practice that was asked for.",
    "ASID_CHECK_FAILED": "it does not know this practice’s ASID, or has another itself.",
}


def _refusal(name: str, error: Refused) -> str:
    """Why it said no; what it wrote itself is cut, and shown as what it wrote."""
    if plain := IN_WORDS.get(error.spine_code):
        return f"{name}: {plain}"
    said = " ".join((error.diagnostics or error.spine_code or str(error.status)).split())[:160]
    return f"{name} refused it: “{said}”"


def _time(slot: resources.Slot) -> RemoteTime:
    schedule, place = slot.schedule, slot.schedule.location
    holder = schedule.practitioner
    return RemoteTime(
        slot=slot.id,
        schedule=schedule.id,
        location=place.id,
        practitioner=holder.id if holder else "",
        start=slot.start,
        end=slot.end,
        with_whom=str(holder.name)[:200] if holder else "",
        at_place=place.name[:300],
        slot_type=slot.service_type[:200],
        delivery_channel=slot.delivery_channel if slot.delivery_channel in CHANNELS else "",
    )


def _slot(time: RemoteTime) -> resources.Slot:
    """A time that was offered, as the library books it."""
    nobody = resources.Person("", "", "")
    holder = resources.Practitioner(time.practitioner, nobody, {}) if time.practitioner else None
    place = resources.Location(time.location, "")
    schedule = resources.Schedule(time.schedule, place, holder, "", "", {})
    return resources.Slot(
        time.slot, "", time.start, time.end, schedule, time.slot_type, time.delivery_channel, {}
    )


def _booking(found: resources.Appointment) -> RemoteBooking:
    return RemoteBooking(
        found.id, found.slot_ids, found.is_cancelled, found.cancellation_reason[:300]
    )
