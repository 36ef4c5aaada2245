"""Where else the practice may book, who asks there, and what it has booked there."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from practice import clock
from practice.models import (
    Membership,
    Organisation,
    Patient,
    PractitionerRole,
    RemoteAppointment,
    RemoteService,
)
from practice.models.elsewhere import why_not_called
from practice.reads.patients import why_hidden, why_nobody_books_for

SHOWN_AFTERWARDS = timedelta(days=14)

NO_ASID = (
    "This practice has no ASID, the NHS’s number for its system, so that no other organisation "
    "answers it. The practice administrator enters it."
)
NO_TELEPHONE = (
    "This practice has no telephone number, which every booking elsewhere has to name. The "
    "practice administrator enters it."
)


def services(*, organisation: Organisation) -> list[RemoteService]:
    """Return the organisations at which the practice may book, in use: one query."""
    return list(RemoteService.objects.filter(organisation=organisation, active=True))


def callable_services(*, organisation: Organisation) -> list[RemoteService]:
    """Return those of them whose address is called; the operator may have taken a host away.

    Where none is allowed at all, booking elsewhere is off, and nothing is asked of the database.
    """
    if not settings.ELSEWHERE_HOSTS:
        return []
    found = services(organisation=organisation)
    return [each for each in found if not why_not_called(each.base_url)]


def callable_service(*, organisation: Organisation, pk: int) -> RemoteService | None:
    """Return one of these: what is not in use, or not the practice's, is none."""
    found = callable_services(organisation=organisation)
    return next((each for each in found if each.pk == pk), None)


def may_ask_elsewhere(*, organisation: Organisation) -> bool:
    """Whether there is anybody to ask, and a practice that others answer."""
    is_answered = bool(organisation.asid) and not organisation.sandbox_of
    return is_answered and bool(callable_services(organisation=organisation))


def why_not_elsewhere(patient: Patient, *, organisation: Organisation, now: datetime) -> str:
    """Say why nothing is booked elsewhere for a patient; empty: it may be.

    Others know a patient by a verified NHS number only, and a sensitive one is named to nobody.
    """
    if organisation.sandbox_of:
        return "This is a sandbox, where nobody is real: nothing is asked of other organisations."
    if why := why_nobody_books_for(patient, now=now):
        return why
    hidden = why_hidden(patient, today=clock.today(now))
    if "sensitive" in hidden:
        return "The patient is flagged as sensitive: nothing is told to other organisations."
    if hidden or not patient.nhs_number:
        return (
            "The NHS number is not verified, and others know a patient by nothing else: "
            "check it against the national record first."
        )
    if not organisation.asid:
        return NO_ASID
    return "" if organisation.telephone else NO_TELEPHONE


# ---------------------------------------------------------------- what was booked


def _appointments(organisation: Organisation) -> QuerySet[RemoteAppointment]:
    found = RemoteAppointment.objects.filter(organisation=organisation)
    return found.select_related("service", "patient")


def remote_appointment(*, organisation: Organisation, pk: int) -> RemoteAppointment | None:
    """Return what was booked elsewhere, whatever became of it."""
    return _appointments(organisation).filter(pk=pk).first()


def booked_elsewhere(
    patient_id: int, *, organisation: Organisation, now: datetime
) -> list[RemoteAppointment]:
    """Return what a patient has elsewhere, what is not known yet, and what ended lately."""
    lately = now - SHOWN_AFTERWARDS
    shown = (
        Q(state__in=RemoteAppointment.OPEN)
        | Q(state=RemoteAppointment.State.BOOKED, end__gt=now - SHOWN_AFTERWARDS)
        | Q(asked_at__gt=lately)
        | Q(cancelled_at__gt=lately)
    )
    found = _appointments(organisation).filter(shown, patient=patient_id)
    return list(found.order_by("start", "pk"))


def standing_elsewhere(
    patient_id: int, *, organisation: Organisation, now: datetime
) -> list[RemoteAppointment]:
    """Return what stands for a patient elsewhere, or may: coming, or not known yet."""
    found = booked_elsewhere(patient_id, organisation=organisation, now=now)
    return [
        each
        for each in found
        if each.is_unknown or (each.state == RemoteAppointment.State.BOOKED and each.end > now)
    ]


@dataclass(frozen=True)
class Reached:
    """How somebody is reached, for a registration elsewhere; empty: nothing is known."""

    telephone: str = ""
    address: tuple[str, ...] = ()
    postal_code: str = ""


def reached_at(patient: Patient) -> Reached:
    """Return a patient's telephone and address as the practice has them now: two queries."""
    telephone = patient.telecoms.filter(system="phone").order_by("pk").first()
    address = patient.addresses.filter(use="home").order_by("pk").first()
    lines = (
        (
            *(address.address_line_1, address.address_line_2, address.address_line_3),
            *(address.city, address.district),
        )
        if address
        else ()
    )
    return Reached(
        telephone.value if telephone else "",
        tuple(filter(None, lines)),
        address.postal_code if address else "",
    )


# ---------------------------------------------------------------- who asks


@dataclass(frozen=True)
class Caller:
    """Who asks, as the token names them; empty smartcard ids: none are kept (UNK on the wire)."""

    user_id: str
    given_names: str
    family_name: str
    prefix: str = ""
    sds_user_id: str = ""
    sds_role_profile_id: str = ""


def caller_of(user: User, *, organisation: Organisation) -> Caller:
    """Return somebody who has signed in, with what the practice keeps of their smartcard.

    It is kept with the clinician that a membership names: two queries, or one.
    """
    found = Membership.objects.filter(user=user, organisation=organisation)
    membership = found.select_related("session_holder").first()
    holder = membership.session_holder if membership else None
    names = Caller(
        user_id=user.get_username(),
        given_names=user.first_name,
        family_name=user.last_name or user.get_username(),
    )
    if holder is None:
        return names
    roles = PractitionerRole.objects.current().filter(practitioner=holder)
    role = roles.filter(organisation=organisation).exclude(sds_role_profile_id="").first()
    return Caller(
        user_id=names.user_id,
        given_names=holder.given_names,
        family_name=holder.family_name,
        prefix=holder.prefix,
        sds_user_id=holder.sds_user_id or "",
        sds_role_profile_id=role.sds_role_profile_id if role else "",
    )
