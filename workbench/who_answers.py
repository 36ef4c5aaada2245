"""A WSGI application that says which process answers, and works a little for it."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()  # for what gunicorn.conf.py loads beforehand

WORK_SECONDS = 0.0015  # of processor, about what a request takes


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    until = time.thread_time() + WORK_SECONDS
    while time.thread_time() < until:
        pass
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
