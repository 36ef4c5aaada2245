"""Log lines, for people or as JSON; never with an NHS number in them, nor an address.

DJANGO_LOG_FORMAT chooses. Within a request every line says which one it belongs to: the middleware
of config.request_log puts that into ``context``, and the request itself into ``asked``. Addresses
may name a patient, and those of calendar feeds are secrets: a line says the name of the route.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from practice import nhs_number

context: ContextVar[Mapping[str, Any]] = ContextVar("context", default={})  # noqa: B039 - never changed
asked: ContextVar[HttpRequest | None] = ContextVar("asked", default=None)

# Ten digits, as one or as people write them; what stands before may be an escape of a URL (%7C).
TEN_DIGITS = re.compile(r"(?:(?<=%[0-9A-Fa-f]{2})|(?<!\d))\d{3}([ -]?)\d{3}\1\d{4}(?!\d)")
# What is found wherever those are, and sooner.
MAY_BE_TEN_DIGITS = re.compile(r"\d{3}[ -]?\d{3}[ -]?\d{4}")
MASK = "[NHS number]"


def mask(text: str) -> str:
    """Return a text with a mask in the place of every valid NHS number."""
    if MAY_BE_TEN_DIGITS.search(text) is None:
        return text
    return TEN_DIGITS.sub(_mask_if_valid, text)


def _mask_if_valid(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return MASK if nhs_number.is_valid(digits) else found[0]


class MaskNHSNumbers(logging.Filter):
    """Masks the message with its arguments, and what is told of an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "holds_no_patient", False):  # hashes, which may look as if they did
            return True
        record.msg, record.args = mask(message_of(record)), ()
        exception_of(record)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True


# ---------------------------------------------------------------- addresses

ELSEWHERE = re.compile(r"(?:https?|wss?|ftp)://[^\s'\"<>]+")
SECRET_LENGTH = 16  # a part of an address that is as long may be one


def route_of(request: HttpRequest) -> str:
    """What was asked for, in words of ours: nothing of it was chosen by whoever asks."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return "no route"
    return str(match.view_name if match.url_name else match.route or match.view_name)


def addresses_of(request: HttpRequest) -> list[str]:
    """What the address of a request may look like in a text, the longest first."""
    match = getattr(request, "resolver_match", None)
    parts = [part for part in match.kwargs.values() if isinstance(part, str)] if match else []
    found = {
        request.path,
        request.path.encode("unicode_escape").decode("ascii"),
        request.get_full_path(),
        request.path_info,
        request.META.get("QUERY_STRING", ""),
        *(part for part in parts if len(part) >= SECRET_LENGTH),
    }
    return sorted(found - {""}, key=len, reverse=True)


class HideAddresses(logging.Filter):
    """Puts the name of the route in the place of its address: in messages and in exceptions."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "holds_no_address", False):  # the line of each request
            return True
        request = getattr(record, "request", None)
        if not isinstance(request, HttpRequest):
            request = asked.get()
        if request is None:
            return True
        hidden, route = addresses_of(request), route_of(request)
        if isinstance(record.args, tuple):  # a short one, such as "/", is only replaced as a whole
            record.args = tuple(route if each in hidden else each for each in record.args)
        # What is long enough not to be found in the names of files, and in words.
        hidden = [each for each in hidden if len(each) > len("/admin/")]

        def hide(text: str) -> str:
            for each in hidden:
                text = text.replace(each, route)
            return text

        record.msg, record.args = ELSEWHERE.sub("[address]", hide(message_of(record))), ()
        exception_of(record)
        if record.exc_text:
            record.exc_text = hide(record.exc_text)
        return True


def message_of(record: logging.LogRecord) -> str:
    """The message with its arguments; of those that do not fit, both: none is lost or hidden."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def exception_of(record: logging.LogRecord) -> None:
    """Write down what is told of an exception, before a formatter does."""
    if record.exc_info and not record.exc_text:
        record.exc_text = EXCEPTIONS.formatException(record.exc_info)


EXCEPTIONS = logging.Formatter()

# ---------------------------------------------------------------- lines


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
        if line.isprintable():
            return line
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
        return AS_JSON.encode(line)


AS_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


FORMATTERS = {"line": LineFormatter, "json": JSONFormatter}


def configuration(*, format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, through one handler that masks.

    Requests and the ends of the audit trail are always worth a line, whatever the level.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"hide": {"()": HideAddresses}, "mask": {"()": MaskNHSNumbers}},
        "formatters": {"chosen": {"()": FORMATTERS[format]}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "filters": ["hide", "mask"],
                "formatter": "chosen",
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django gives these two handlers of their own, which would not mask. What its server
            # for development says of a request, with its address, config.requests says too.
            "django": {"handlers": [], "level": level},
            "django.server": {"handlers": [], "level": "CRITICAL", "propagate": True},
            "config.requests": {"level": "INFO"},
            "practice.audit": {"level": "INFO"},
        },
    }
