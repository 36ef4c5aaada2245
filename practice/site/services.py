"""Choosing the service that a session or a template belongs to, on every page that asks for it.

Where the supplier has not opened service filtering to the practice, no form shows it (SF-003), and
what was chosen once stays.
"""

from typing import Any

from django import forms
from django.http import HttpRequest

from practice.models import Organisation, Schedule, SessionTemplate
from practice.reads.service_filtering import is_open, must_choose, services
from practice.services.service_filtering import CHOOSE, ServiceChoice
from practice.site.people import current_practice

SEE_SERVICES = "practice.view_healthcareservice"


def services_are_open(request: HttpRequest) -> bool:
    """Whether whoever asks may see the services of the practice in which they work now."""
    if not request.user.has_perm(SEE_SERVICES):
        return False
    practice = current_practice(request)
    return practice is not None and is_open(practice)


NOT_APPLICABLE = "none"
HELP = "As in the Directory of Services. One service at most."


class ServiceField(forms.ChoiceField):
    """One of the practice's services, or that none applies; empty: nothing is chosen yet."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"label": "Service", "required": False, "help_text": HELP, **kwargs}
        super().__init__(**kwargs)

    def offer(self, organisation: Organisation) -> None:
        """Let this practice's services be chosen."""
        self.choices = [
            ("", "Not chosen yet"),
            *((str(each.pk), str(each)) for each in services(organisation=organisation)),
            (NOT_APPLICABLE, "Not applicable"),
        ]

    def clean(self, value: Any) -> ServiceChoice:
        chosen = super().clean(value)
        if chosen == NOT_APPLICABLE:
            return ServiceChoice(no_healthcare_service=True)
        return ServiceChoice(int(chosen)) if chosen else ServiceChoice()


def offer_services(form: Any, organisation: Organisation) -> None:
    """Let a form ask for the service where it is open to the practice; else leave it out."""
    offer_if(is_open(organisation), form, organisation)


def offer_where_due(form: Any, session: Schedule) -> None:
    """Let a form ask for the service of a session where others may book only once it is said."""
    organisation = session.organisation
    offer_if(must_choose(session, organisation=organisation), form, organisation)


def offer_if(asked: bool, form: Any, organisation: Organisation) -> None:
    """Let a form ask for the service, or leave it out."""
    if asked:
        form.fields["service"].offer(organisation)
    else:
        del form.fields["service"]


def as_chosen(session: Schedule | SessionTemplate) -> str:
    """What a form shows as chosen."""
    if session.no_healthcare_service:
        return NOT_APPLICABLE
    return str(session.healthcare_service_id or "")


def chosen_in(form: Any, session: Schedule | SessionTemplate | None = None) -> ServiceChoice:
    """What was chosen; where the form did not ask, what the session has."""
    if "service" in form.fields:
        chosen: ServiceChoice = form.cleaned_data["service"]
        return chosen
    if session is None:
        return ServiceChoice()
    return ServiceChoice(session.healthcare_service_id, session.no_healthcare_service)


def check_chosen(form: Any, *, is_offered: bool, organisation: Organisation) -> None:
    """Complain at the field when others are to book and nothing is chosen, where that is due."""
    if "service" not in form.fields or not organisation.filters_by_service:
        return
    if is_offered and not any(form.cleaned_data.get("service") or ()):
        form.add_error("service", CHOOSE)
