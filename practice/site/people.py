"""Who has signed in, in which practices they act, and which records are theirs to see.

A member of staff meets the records of their own practices only: in lists, forms, choices,
suggestions and actions.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from practice.db.row_security import across_practices, bound_to
from practice.models import (
    AppointmentSlot,
    AuditEvent,
    CalledIn,
    CancellationListCall,
    CancellationListClinician,
    ConsumerGroup,
    DeskMessage,
    ExceptionReason,
    HowBooked,
    InSeries,
    Organisation,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientNote,
    PatientTelecom,
    Practitioner,
    SlotTypeMapping,
    TemplateBlock,
)
from practice.reads import accounts
from practice.services.audit.recording import Actor

# What all practices share.
SHARED: set[type[Model]] = {ConsumerGroup}
# How a record's practice is found where it has no ``organisation`` of its own.
PATHS: dict[type[Model], str] = {
    Organisation: "pk",
    AppointmentSlot: "appointment__organisation",
    CalledIn: "appointment__organisation",
    DeskMessage: "appointment__organisation",
    CancellationListCall: "entry__organisation",
    CancellationListClinician: "entry__organisation",
    ExceptionReason: "appointment__organisation",
    HowBooked: "appointment__organisation",
    InSeries: "series__organisation",
    Practitioner: "roles__organisation",
    SlotTypeMapping: "slot_type__organisation",
    TemplateBlock: "template__organisation",
    PatientAddress: "patient__organisation",
    PatientContact: "patient__organisation",
    PatientLanguage: "patient__organisation",
    PatientName: "patient__organisation",
    PatientNote: "patient__organisation",
    PatientTelecom: "patient__organisation",
    get_user_model(): "memberships__organisation",
}
TO_MANY = {Practitioner, get_user_model()}


# The practice that somebody works in now, in their session; nothing there: all of theirs.
CHOSEN_PRACTICE = "practice"


class Person:
    """Somebody who has signed in; what is asked of the database is asked once for each request.

    ``wanted`` is the practice that they chose to work in: it bounds everything, for superusers too.
    One that is not theirs (any more) counts as no choice.
    """

    MOST_CHOICES = accounts.MOST_CHOICES

    def __init__(self, user: Any, wanted: int | None = None) -> None:
        self.user = user
        self.wanted = wanted

    @cached_property
    def member_ids(self) -> list[int]:
        """Every practice where they work, chosen or not."""
        return accounts.practice_ids(self.user.pk)

    @cached_property
    def every_practice(self) -> QuerySet[Organisation]:
        """Every practice that they may choose."""
        if self.user.is_superuser:
            return Organisation.objects.order_by("sandbox_of", "name")  # real ones first
        return Organisation.objects.filter(pk__in=self.member_ids)

    @cached_property
    def choices(self) -> list[Organisation]:
        """The first of these, and one more if there are more."""
        if not self.user.is_superuser:
            return accounts.practices_to_choose(self.member_ids)
        return list(self.every_practice[: self.MOST_CHOICES + 1])

    @cached_property
    def chosen(self) -> Organisation | None:
        if not self.wanted:
            return None
        for practice in self.choices:
            if practice.pk == self.wanted:
                return practice
        return self.every_practice.filter(pk=self.wanted).first()

    @cached_property
    def practice_ids(self) -> list[int]:
        return [self.chosen.pk] if self.chosen else self.member_ids

    @cached_property
    def sees_everything(self) -> bool:
        return self.user.is_superuser and self.chosen is None

    @cached_property
    def practices(self) -> QuerySet[Organisation]:
        if self.chosen:
            return Organisation.objects.filter(pk=self.chosen.pk)
        return self.every_practice

    @cached_property
    def first_practices(self) -> list[Organisation]:
        return [self.chosen] if self.chosen else self.choices[:2]

    @cached_property
    def role_names(self) -> str:
        return ", ".join(accounts.role_names(self.user.pk))


def person(request: HttpRequest) -> Person:
    """Return who asks; the site admits nobody who has not signed in."""
    kept = vars(request)
    if "person" not in kept:
        session = getattr(request, "session", {})
        kept["person"] = Person(request.user, session.get(CHOSEN_PRACTICE))
    found: Person = kept["person"]
    return found


def bound_to_own(request: HttpRequest) -> AbstractContextManager[None]:
    """Put the practices of the person who asks into reach, and no other."""
    if person(request).sees_everything:
        return across_practices()
    return bound_to(*person(request).practice_ids)


def own_practices(request: HttpRequest) -> QuerySet[Organisation]:
    """Return the practices in whose name this person acts: the one they chose, or all of theirs.

    All practices are a superuser's.
    """
    return person(request).practices


def sole_practice(request: HttpRequest) -> Organisation | None:
    """Return the practice if there is only one to choose from; then no form asks for it."""
    found = person(request).first_practices
    return found[0] if len(found) == 1 else None


def current_practice(request: HttpRequest) -> Organisation | None:
    """Return the practice in which a member of staff works now: chosen, or the first of theirs."""
    someone = person(request)
    return someone.chosen or next(iter(someone.choices), None)


def is_above_practices(request: HttpRequest) -> bool:
    """Whether somebody looks after areas, in the role of an area manager."""
    return not request.user.is_superuser and request.user.has_perm("practice.view_area")


def practices_in_words(request: HttpRequest) -> str:
    """Name the practice, or say how many there are."""
    if practice := sole_practice(request):
        return str(practice)
    if request.user.is_superuser:
        return "All practices" if person(request).first_practices else "No practice yet"
    count = len(person(request).practice_ids)
    if not count and is_above_practices(request):
        return "Above practices"
    return f"{count} practices" if count else "No practice: ask for a membership"


def only_own(queryset: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """Narrow any queryset to the practices of the person who asks."""
    model = queryset.model
    if model in SHARED or model._meta.app_label != "practice" and model not in PATHS:
        return queryset
    if person(request).sees_everything:
        return queryset
    path = path_to_practice(model)
    if model in TO_MANY:
        there = model._base_manager.filter(**{f"{path}__in": person(request).practice_ids})
        return queryset.filter(pk__in=there.values("pk"))
    return queryset.filter(**{f"{path}__in": person(request).practice_ids})


def path_to_practice(model: type[Model]) -> str:
    """Return how a query comes from a record to its practice."""
    path = PATHS.get(model, "organisation")
    if path == "organisation" and not hasattr(model, "organisation"):
        raise ImproperlyConfigured(
            f"{model.__name__} needs an entry in practice.site.people.PATHS."
        )
    return path


def own_records(model: type[Model], request: HttpRequest) -> Iterable[Any]:
    """Return all records of a kind at the practices of the person who asks, in their order."""
    if person(request).sees_everything:
        return model._default_manager.all()
    return accounts.records_of(model, path_to_practice(model), person(request).practice_ids)


def own_practice_of(model: type[Model], pk: int, request: HttpRequest) -> Organisation | None:
    """Return the practice of a record, if that is one of the practices of the person who asks."""
    own = only_own(model._default_manager.filter(pk=pk), request)
    return Organisation.objects.filter(pk__in=own.values("organisation")).first()


def practice_of(record: Any) -> Organisation | None:
    """Return the practice that a record belongs to; None where it may belong to several."""
    if isinstance(record, Organisation):
        return record
    return getattr(record, "organisation", None)


# ---------------------------------------------------------------- who acts


def client_address(request: HttpRequest) -> str:
    """The address that nginx saw, or that of the connection when there is no nginx (a trial).

    nginx writes X-Forwarded-For for staff anew, so its last entry is not the client's own word.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded or request.META.get("REMOTE_ADDR", "")


def actor_of(request: HttpRequest, organisation: Organisation | None = None) -> Actor:
    """Return the person behind a request as the audit trail and provenance name them.

    Staff have no smartcard here: the role is that of the site, the device what the browser says.
    """
    user, roles = person(request).user, person(request).role_names
    return Actor(
        door=AuditEvent.Door.STAFF,
        user_id=user.get_username(),
        name=user.get_full_name() or user.get_username(),
        role=roles or ("superuser" if user.is_superuser else "unknown"),
        organisation=str(organisation or sole_practice(request) or ""),
        device=request.headers.get("User-Agent", ""),
        address=client_address(request),
    )
