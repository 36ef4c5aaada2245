"""Values that provoke errors in a supplier's sandbox; at a real practice they mean nothing.

A consumer must show what it does when a practice is switched off, or when the server fails, which
no request of theirs can bring about. A sentinel stands where a value of its kind may stand: as the
id of a record in the address or in a reference, as an identifier's or searchFilter's value, as an
NHS number, or as the description of an appointment. It is looked for once all guards have let the
request in, so that it is nobody's way round them, and before anything is done.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fhirapi import errors, ssp
from fhirapi.errors import FHIRError, SpineError
from fhirapi.ssp import Interaction
from fhirapi.well_formed import JSON
from practice.db.availability import RETRY_AFTER_SECONDS


@dataclass(frozen=True)
class Sentinel:
    """What provokes an error, in each of its forms; ``interactions``: with which it does.

    ``value`` is an id that no record has, as ids are counted, and well-formed as the code of a
    person or organisation; ``nhs_number`` is one of the range that nobody is given.
    """

    error: SpineError
    value: str
    nhs_number: str
    interactions: tuple[Interaction, ...]

    @property
    def description(self) -> str:
        """The text of an appointment that asks for the error."""
        return f"Sentinel {self.error.status} {self.error.code}"

    @property
    def forms(self) -> tuple[str, str, str]:
        """All values that mean it."""
        return self.value, self.nhs_number, self.description


# The capability statement is there whatever is switched off, and holds no value to be sent.
ALL = tuple(each for each in ssp.INTERACTIONS if each is not ssp.READ_METADATA)
COMMANDS = tuple(each for each in ALL if each.is_command)

SENTINELS = (
    Sentinel(
        errors.INVALID_NHS_NUMBER, "999000000000004001", "9999900011", (ssp.REGISTER_PATIENT,)
    ),
    Sentinel(
        errors.INVALID_PATIENT_DEMOGRAPHICS,
        "999000000000004002",
        "9999900038",
        (ssp.REGISTER_PATIENT,),
    ),
    Sentinel(errors.ACCESS_DENIED, "999000000000004031", "9999900046", ALL),
    Sentinel(errors.NO_PATIENT_CONSENT, "999000000000004032", "9999900054", ALL),
    Sentinel(errors.NO_ORGANISATION_CONSENT, "999000000000004033", "9999900062", ALL),
    Sentinel(errors.DUPLICATE_REJECTED, "999000000000004091", "9999900070", COMMANDS),
    Sentinel(errors.INTERNAL_SERVER_ERROR, "999000000000005001", "9999900089", ALL),
    Sentinel(errors.UNAVAILABLE, "999000000000005031", "9999900097", ALL),
)
BY_ERROR = {each.error: each for each in SENTINELS}
BY_FORM = {form: each for each in SENTINELS for form in each.forms}


def check_address(
    interaction: Interaction,
    *,
    ids: Iterable[str],
    query: Mapping[str, Iterable[str]],
    trace_id: str,
) -> None:
    """Raise what a sentinel in the path or in the query of a request asks for.

    ``ids`` are those of the path; ``query`` holds all values of each parameter.
    """
    tokens = (value.rpartition("|")[2] for values in query.values() for value in values)
    check((*ids, *tokens), interaction, trace_id=trace_id)


def check_body(interaction: Interaction, resource: JSON, *, trace_id: str) -> None:
    """Raise what a sentinel anywhere in the body of a request asks for."""
    check((text.rpartition("/")[2] for text in texts_in(resource)), interaction, trace_id=trace_id)


def texts_in(value: JSON) -> Iterator[str]:
    """Every text of a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from texts_in(member)


def check(values: Iterable[str], interaction: Interaction, *, trace_id: str) -> None:
    """Raise what the first sentinel among some values asks for, if the interaction knows it."""
    for value in values:
        found = BY_FORM.get(value)
        if found and interaction in found.interactions:
            is_away = found.error is errors.UNAVAILABLE
            raise FHIRError(
                found.error,
                "A sentinel value of the sandbox asked for this error: nothing was done"
                f" (trace id {trace_id}).",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if is_away else None,
            )
