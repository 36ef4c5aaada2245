"""Every search parameter, declared once: what it is called, what it may hold, what else is refused.

The capability statement lists what stands in SEARCHES; parameters that are not declared are
ignored on every search (GEN-078).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.http import QueryDict

from fhirapi.errors import (
    BAD_REQUEST,
    INVALID_IDENTIFIER_SYSTEM,
    INVALID_IDENTIFIER_VALUE,
    INVALID_NHS_NUMBER,
    INVALID_PARAMETER,
    FHIRError,
    SpineError,
)
from fhirapi.resources import common
from practice import nhs_number


@dataclass(frozen=True)
class SearchParameter:
    """A parameter as a consumer is told of it; ``type`` is FHIR's word: token, date."""

    name: str
    type: str
    documentation: str = ""


@dataclass(frozen=True)
class Search:
    """What a search of one resource type takes: parameters, and values of ``_include``."""

    parameters: tuple[SearchParameter, ...]
    includes: tuple[str, ...] = ()


# ---------------------------------------------------------------- identifier


@dataclass(frozen=True)
class IdentifierParameter(SearchParameter):
    """A mandatory token ``system|value`` of one known system; ``refusal`` is for other values."""

    system: str = ""
    is_valid: Callable[[str], bool] = bool
    refusal: SpineError = INVALID_IDENTIFIER_VALUE

    def value_in(self, query: QueryDict) -> str:
        """The value asked for, well-formed. Refusals: DEC-031, in the order of that table."""
        given = query.getlist(self.name)
        if len(given) != 1:
            raise FHIRError(BAD_REQUEST, f"The {self.name} parameter must be given once.")
        system, _, value = given[0].partition("|")
        if not value:
            raise FHIRError(
                INVALID_PARAMETER, f"The {self.name} parameter must have the form system|value."
            )
        if system != self.system:
            raise FHIRError(
                INVALID_IDENTIFIER_SYSTEM, f"The system of {self.name} must be {self.system}."
            )
        if not self.is_valid(value):
            raise FHIRError(self.refusal, f"The value of {self.name} is not well-formed.")
        return value


def is_alphanumeric(value: str) -> bool:
    """Whether a text is made of letters and digits: all that is asked of a code (DEC-058)."""
    return re.fullmatch(r"[A-Za-z0-9]+", value) is not None


PATIENT_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"NHS number: {common.NHS_NUMBER}|9999999999",
    system=common.NHS_NUMBER,
    is_valid=nhs_number.is_valid,
    refusal=INVALID_NHS_NUMBER,
)
PRACTITIONER_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"SDS user id: {common.SDS_USER_ID}|999999",
    system=common.SDS_USER_ID,
    is_valid=is_alphanumeric,
)
ORGANISATION_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"ODS code: {common.ODS_CODE}|Y12345",
    system=common.ODS_CODE,
    is_valid=is_alphanumeric,
)

# ---------------------------------------------------------------- what each search takes

SEARCHES = {
    "Patient": Search((PATIENT_IDENTIFIER,)),
    "Practitioner": Search((PRACTITIONER_IDENTIFIER,)),
    "Organization": Search((ORGANISATION_IDENTIFIER,)),
    "Slot": Search(
        (
            SearchParameter("start", "date", "Prefix ge: the slot starts at or after this."),
            SearchParameter("end", "date", "Prefix le: the slot ends at or before this."),
            SearchParameter("status", "token", "free"),
            SearchParameter("searchFilter", "token", "Organisation type or ODS code, any number."),
        ),
        includes=(
            "Slot:schedule",
            "Schedule:actor:Practitioner",
            "Schedule:actor:Location",
            "Location:managingOrganization",
        ),
    ),
    # Only within the compartment of a patient: Patient/[id]/Appointment.
    "Appointment": Search(
        (SearchParameter("start", "date", "Twice, prefixes ge and le: a range of dates."),)
    ),
}
