"""What a practice is and has, by theme."""

from practice.models.access import AccessProfile
from practice.models.audit import AuditEvent, AuditHead, AuditSeal, AuditWaiting
from practice.models.booking import Appointment, AppointmentSlot, ContactAttempt
from practice.models.diary import Schedule, Slot
from practice.models.directory import (
    CalendarFeed,
    Location,
    Membership,
    Organisation,
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientTelecom,
    Practitioner,
    PractitionerRole,
)
from practice.models.templates import Closure, GenerationRun, SessionTemplate, TemplateBlock

__all__ = [
    "AccessProfile",
    "Appointment",
    "AppointmentSlot",
    "AuditEvent",
    "AuditHead",
    "AuditSeal",
    "AuditWaiting",
    "CalendarFeed",
    "Closure",
    "ContactAttempt",
    "GenerationRun",
    "Location",
    "Membership",
    "Organisation",
    "Patient",
    "PatientAddress",
    "PatientContact",
    "PatientLanguage",
    "PatientName",
    "PatientTelecom",
    "Practitioner",
    "PractitionerRole",
    "Schedule",
    "SessionTemplate",
    "Slot",
    "TemplateBlock",
]
