"""Log lines, for people or as JSON; never with an NHS number in them.

DJANGO_LOG_FORMAT chooses. Within a request every line says which one it belongs to: the middleware
of config.request_log puts that into ``context``.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from practice import nhs_number

context: ContextVar[Mapping[str, Any]] = ContextVar("context", default={})  # noqa: B039 - never changed

# Ten digits, as one or as people write them; what stands before may be an escape of a URL (%7C).
TEN_DIGITS = re.compile(r"(?:(?<=%[0-9A-Fa-f]{2})|(?<!\d))\d{3}([ -]?)\d{3}\1\d{4}(?!\d)")
MASK = "[NHS number]"


def mask(text: str) -> str:
    """Return a text with a mask in the place of every valid NHS number."""
    return TEN_DIGITS.sub(_mask_if_valid, text)


def _mask_if_valid(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return MASK if nhs_number.is_valid(digits) else found[0]


class MaskNHSNumbers(logging.Filter):
    """Masks the message with its arguments, and what is told of an exception."""

    exceptions = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "holds_no_patient", False):  # hashes, which may look as if they did
            return True
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: lose none, and hide nothing
            message = f"{record.msg} {record.args}"
        record.msg, record.args = mask(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self.exceptions.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What is known about a line beside its message: the request's, then its own ``fields``."""
    found = {**context.get(), **getattr(record, "fields", {})}
    return {
        name: mask(value) if isinstance(value, str) else value
        for name, value in found.items()
        if value not in ("", None)
    }


def escaped(character: str) -> str:
    """A character as Python writes it, such as \\n."""
    return character.encode("unicode_escape").decode("ascii")


class LineFormatter(logging.Formatter):
    """A line for people: when, how grave, whose, what, and what is known beside it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The message, and what is known beside it."""
        known = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = super().formatMessage(record) + known
        # What a stranger sent must not look like a line of its own.
        return "".join(each if each.isprintable() else escaped(each) for each in line)


class JSONFormatter(logging.Formatter):
    """One JSON object a line, for machines that collect them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line as a JSON object."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False, default=str)


FORMATTERS = {"line": LineFormatter, "json": JSONFormatter}


def configuration(*, format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, through one handler that masks.

    Requests and the ends of the audit trail are always worth a line, whatever the level.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"mask": {"()": MaskNHSNumbers}},
        "formatters": {"chosen": {"()": FORMATTERS[format]}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "filters": ["mask"],
                "formatter": "chosen",
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django gives these two handlers of their own, which would not mask.
            "django": {"handlers": [], "level": level},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "config.requests": {"level": "INFO"},
            "practice.audit": {"level": "INFO"},
        },
    }
