"""What can go wrong with a call, and whether the provider may have acted on it.

``NotSent``: it never saw the request. ``NoAnswer``: it may have seen it, but reading changes
nothing. ``FateUnknown``: it may have booked, amended, cancelled or registered. ``Refused``: it said
no. ``BadAnswer``: it answered with something that is not GP Connect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict


class About(TypedDict):
    """Which call an error is about."""

    who: str
    what: str
    trace_id: str


class ConsumerError(Exception):
    """Whatever this library raises about a call; ``str()`` of it is fit for a log and a reader.

    ``who`` is the provider's name or address, ``what`` the name of the interaction, ``trace_id``
    the Ssp-TraceID that was sent: the provider finds the request in its own records by it.
    ``late`` if it failed because time ran out.
    """

    def __init__(
        self, why: str, *, who: str = "", what: str = "", trace_id: str = "", late: bool = False
    ) -> None:
        self.why, self.who, self.what, self.trace_id = why, who, what, trace_id
        self.late = late
        super().__init__(why)

    def __str__(self) -> str:
        about = ", ".join(part for part in (self.who, self.what) if part)
        return f"{about}: {self.why}" if about else self.why


class NotSent(ConsumerError):
    """The provider has not seen the request (refused, no such name, TLS, no connection in time).

    Nothing was changed: whatever it was, it may be sent again.
    """


class NoAnswer(ConsumerError):
    """The request was sent, and no whole answer came."""


class FateUnknown(NoAnswer):
    """A change was sent, and nobody can say from here whether the provider made it.

    It was not repeated, and must not be: look first. ``Client.settle_booking`` looks.
    """

    def __str__(self) -> str:
        return (
            f"{super().__str__()} The provider may have made the change or not: retrieve the"
            " patient's appointments (or find the patient) before anything is sent again."
        )


@dataclass(frozen=True)
class Issue:
    """One issue of an OperationOutcome."""

    severity: str
    code: str
    spine_code: str
    display: str
    diagnostics: str


class Refused(ConsumerError):
    """The provider said no: an HTTP status, and the issues of its OperationOutcome."""

    def __init__(
        self,
        status: int,
        issues: Sequence[Issue],
        *,
        who: str = "",
        what: str = "",
        trace_id: str = "",
    ) -> None:
        self.status = status
        self.issues = tuple(issues)
        said = "; ".join(issue.diagnostics or issue.display for issue in issues)
        code = f" {self.spine_code}" if self.spine_code else ""
        why = f"{status}{code}: {said}" if said else f"{status}{code}"
        super().__init__(why, who=who, what=what, trace_id=trace_id)

    @property
    def spine_code(self) -> str:
        """The code of the first issue, such as DUPLICATE_REJECTED; empty if it has none."""
        return self.issues[0].spine_code if self.issues else ""

    @property
    def diagnostics(self) -> str:
        """What the provider says of all issues."""
        return " ".join(issue.diagnostics for issue in self.issues if issue.diagnostics)


class BadAnswer(ConsumerError):
    """An answer that is not what GP Connect says; ``problems`` names what is missing or wrong."""

    def __init__(
        self,
        problems: Sequence[str],
        *,
        status: int = 0,
        who: str = "",
        what: str = "",
        trace_id: str = "",
    ) -> None:
        self.status = status
        self.problems = tuple(problems)
        super().__init__("; ".join(problems), who=who, what=what, trace_id=trace_id)
