"""What the practice refuses to do. ``str(error)`` says why, in words for people.

No message repeats a patient's data. The API's codes for these stand in fhirapi.errors.
"""

from collections.abc import Iterable
from typing import NamedTuple


class PracticeError(Exception):
    """Any refusal; never raised itself."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class SwitchedOff(PracticeError):
    """GP Connect is switched off at this practice."""


class NotFound(PracticeError):
    """There is no such record at this practice."""


class PatientNotFound(NotFound):
    """There is no such patient at this practice."""


class AppointmentNotFound(NotFound):
    """There is no such appointment at this practice."""


class ReferenceNotFound(PracticeError):
    """Something that the request refers to does not exist at this practice."""


class SlotNotFound(ReferenceNotFound):
    """A slot does not exist at this practice."""


class LocationNotFound(ReferenceNotFound):
    """The location does not exist at this practice."""


class PractitionerNotFound(ReferenceNotFound):
    """The practitioner does not exist at this practice."""


class BookedPatientNotFound(ReferenceNotFound):
    """The patient to book for is not registered at this practice."""


class SlotNotFree(PracticeError):
    """A slot has been taken since it was searched for."""


class BookingRefused(PracticeError):
    """A rule of the practice or of the specification forbids the booking."""


class SlotRepeated(BookingRefused):
    """The same slot is named twice."""


class SlotsNotAdjacent(BookingRefused):
    """Several slots make one appointment only if each starts when the one before it ends."""


class SlotsNotAlike(BookingRefused):
    """Several slots make one appointment only in one session, with one channel and one type."""


class TimesDiffer(BookingRefused):
    """The appointment's start and end are not those of its slots."""


class AppointmentInPast(BookingRefused):
    """The appointment starts in the past."""


class WrongLocation(BookingRefused):
    """The location is not the session's."""


class WrongPractitioner(BookingRefused):
    """The practitioner is not the session's."""


class WrongService(BookingRefused):
    """The service is not the session's."""


class NotOffered(BookingRefused):
    """The slot is not offered to the booking organisation."""


class TextTooLong(BookingRefused):
    """A text is longer than the appointment book keeps."""


class ChangeRefused(PracticeError):
    """The appointment cannot be changed in this way."""


class AppointmentCancelled(ChangeRefused):
    """The appointment has been cancelled and can no longer be changed."""


class ReasonMissing(ChangeRefused):
    """A cancellation needs a reason."""


class VersionConflict(PracticeError):
    """The record was changed since the copy was read."""


class RegistrationRefused(PracticeError):
    """The patient cannot be registered."""


class AlreadyRegistered(RegistrationRefused):
    """The patient has an active registration at this practice."""


class DemographicsNotConfirmed(RegistrationRefused):
    """The patient's details could not be confirmed with the national record."""


class NHSNumberRefused(RegistrationRefused):
    """The national record does not accept this NHS number."""


class DemographicsUnavailable(PracticeError):
    """The national record could not be reached."""


class HolderElsewhere(PracticeError):
    """The session holder already has a session at that time."""


class PlanChanged(PracticeError):
    """The diary has changed since the plan was shown."""


class DiaryRefused(PracticeError):
    """The diary cannot be changed in this way."""


class SwitchRefused(PracticeError):
    """The switch cannot be turned in this way."""


class ServiceRefused(PracticeError):
    """The practice's list of services cannot be changed in this way."""


class RehearsalRefused(PracticeError):
    """The rehearsal cannot be held in this way."""


class SandboxRefused(PracticeError):
    """This can be done to the sandbox of a supplier only."""


class CodeNotAccepted(PracticeError):
    """The code is wrong, used or too old. After several wrong ones, wait a little."""


class Problem(NamedTuple):
    """Something wrong in a file, and where: line numbers begin with 1."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


class FilesRefused(PracticeError):
    """The files that describe practices cannot be loaded; ``problems`` says all that is wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class GroupRefused(PracticeError):
    """A group of organisations cannot be as it is wanted."""


class SheetUnreadable(PracticeError):
    """The file cannot be read as a spreadsheet."""


class SheetRefused(PracticeError):
    """The spreadsheet cannot be imported as it was shown."""


class NationalDataRefused(PracticeError):
    """The national lists cannot be taken from a file; ``problems`` says all that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class ArchiveRefused(PracticeError):
    """The diary cannot be archived in this way."""


class ReturnRefused(PracticeError):
    """The weekly return cannot be made in this way."""


class DumpRefused(PracticeError):
    """The practice's book cannot be written into a file."""


class BackupRefused(PracticeError):
    """The backup cannot be made, or cannot be restored here."""


class ElsewhereError(PracticeError):
    """What was asked of another organisation was not done; the text says why, for staff."""


class ElsewhereNotSent(ElsewhereError):
    """The other organisation was not reached, or did not answer a question: nothing changed."""


class ElsewhereRefused(ElsewhereError):
    """The other organisation said no: nothing changed."""


class ElsewhereUnknown(ElsewhereError):
    """A change was sent, and nobody knows yet whether the other organisation made it."""
