"""How gunicorn refuses what it cannot hand to the application: in FHIR, like everything else.

Named in gunicorn.conf.py. What is refused here has reached no view, so the audit trail has nothing
of it; nginx has a line for it in its log.
"""

import logging
import socket
from typing import Any

import orjson
from gunicorn.http import errors as unreadable
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

logger = logging.getLogger(__name__)

TOO_LONG = (unreadable.LimitRequestLine, unreadable.LimitRequestHeaders)
# Of the same kind, but a fault of ours: a header that the application wanted to send.
OURS = (unreadable.InvalidResponseHeader, unreadable.InvalidResponseHeaderName)


class Worker(ThreadWorker):
    """gunicorn's threads, without its pages of HTML, and without what was sent in its log."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer for a request that could not be read, or that failed outside the application."""
        # Only now: the process that starts the others does without the application.
        from fhirapi import errors

        sent = dict(req.headers) if req else {}
        trace_id = errors.safe_trace_id(sent.get("SSP-TRACEID", ""))
        refusal = _refusal(exc, trace_id)
        if refusal.error is errors.INTERNAL_SERVER_ERROR:
            logger.error("Request %s failed outside the application.", trace_id, exc_info=exc)
        else:
            logger.warning("Request refused unread: %s", type(exc).__name__)
        content = orjson.dumps(errors.operation_outcome(refusal.error, refusal.diagnostics))
        head = (
            f"HTTP/1.1 {refusal.error.status} {refusal.error.display}",
            "Connection: close",
            "Content-Type: application/fhir+json;charset=utf-8",
            "Cache-Control: no-store",
            f"Content-Length: {len(content)}",
        )
        try:
            write_nonblock(client, "\r\n".join([*head, "", ""]).encode() + content)
        except OSError:
            logger.debug("Nobody waits for the refusal any more.")


def _refusal(exc: Exception, trace_id: str) -> Any:
    """What one of gunicorn's own exceptions amounts to; its words are not ours, and may quote."""
    from fhirapi import errors

    if isinstance(exc, unreadable.UnsupportedTransferCoding):
        return errors.FHIRError(errors.NOT_IMPLEMENTED, "The transfer encoding is not supported.")
    if isinstance(exc, TOO_LONG):
        return errors.FHIRError(
            errors.BAD_REQUEST,
            "The request line or a header is too long, or there are too many headers.",
        )
    if isinstance(exc, unreadable.ParseException) and not isinstance(exc, OURS):
        return errors.FHIRError(errors.BAD_REQUEST, "The request is malformed.")
    return errors.FHIRError(errors.INTERNAL_SERVER_ERROR, errors.neutral_diagnostics(trace_id))
