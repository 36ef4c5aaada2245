"""What a practice is and has, by theme."""

from practice.models.access import AccessProfile, ConsumerGroup, GroupChange, Member
from practice.models.areas import Area
from practice.models.asking import AskingOrganisation, AskingWatch
from practice.models.audit import AuditEvent, AuditHead, AuditSeal, AuditWaiting
from practice.models.booking import (
    Appointment,
    AppointmentQuerySet,
    AppointmentSlot,
    AppointmentSlotQuerySet,
    CalledIn,
    ContactAttempt,
    DeskMessage,
    ExceptionReason,
    HowBooked,
    InSeries,
    Series,
)
from practice.models.cancellation_list import (
    CancellationListCall,
    CancellationListClinician,
    CancellationListEntry,
)
from practice.models.diary import DiaryChange, Schedule, ScheduleQuerySet, Slot, SlotQuerySet
from practice.models.diary_views import (
    ChosenDiaryView,
    DiaryView,
    DiaryViewHolder,
    DiaryViewLocation,
)
from practice.models.directory import (
    CalendarFeed,
    Location,
    Membership,
    Organisation,
    Practitioner,
    PractitionerRole,
)
from practice.models.elsewhere import RemoteAppointment, RemoteService
from practice.models.importing import ImportedRecord
from practice.models.patients import (
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientNote,
    PatientTelecom,
)
from practice.models.promises import Promise, PromisedDay, Shortfall
from practice.models.rehearsals import Rehearsal
from practice.models.sandboxes import SandboxExchange
from practice.models.service_filtering import HealthcareService, ServiceFilteringSwitch
from practice.models.sheets import SheetImport
from practice.models.slot_types import NationalDataVersion, SlotType, SlotTypeMapping
from practice.models.templates import Closure, GenerationRun, SessionTemplate, TemplateBlock
from practice.models.weekly_returns import WeeklyReturn

__all__ = [
    "AskingOrganisation",
    "AskingWatch",
    "AccessProfile",
    "Area",
    "ConsumerGroup",
    "GroupChange",
    "Member",
    "PromisedDay",
    "Appointment",
    "AppointmentQuerySet",
    "AppointmentSlot",
    "AppointmentSlotQuerySet",
    "AuditEvent",
    "AuditHead",
    "AuditSeal",
    "AuditWaiting",
    "CalendarFeed",
    "CalledIn",
    "CancellationListCall",
    "CancellationListClinician",
    "CancellationListEntry",
    "ChosenDiaryView",
    "Closure",
    "ContactAttempt",
    "DeskMessage",
    "DiaryChange",
    "DiaryView",
    "DiaryViewHolder",
    "DiaryViewLocation",
    "ExceptionReason",
    "GenerationRun",
    "HealthcareService",
    "HowBooked",
    "InSeries",
    "ImportedRecord",
    "Location",
    "Membership",
    "NationalDataVersion",
    "Organisation",
    "Patient",
    "PatientAddress",
    "PatientContact",
    "PatientLanguage",
    "PatientName",
    "PatientNote",
    "PatientTelecom",
    "Practitioner",
    "PractitionerRole",
    "Promise",
    "Rehearsal",
    "RemoteAppointment",
    "RemoteService",
    "SandboxExchange",
    "Schedule",
    "Series",
    "ScheduleQuerySet",
    "ServiceFilteringSwitch",
    "SessionTemplate",
    "SheetImport",
    "Shortfall",
    "Slot",
    "SlotQuerySet",
    "SlotType",
    "SlotTypeMapping",
    "TemplateBlock",
    "WeeklyReturn",
]
