"""What the tests of log lines share, and those of static files."""

import io
import json
import logging
import threading

import pytest
from django.core.management import call_command
from django.test import override_settings

from config import logs
from config.settings import STORAGES


class Lines:
    """What was logged until now, a dict for each line."""

    def __init__(self, output: io.StringIO) -> None:
        self.output = output

    def __call__(self) -> list[dict]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def clear(self) -> None:
        self.output.seek(0)
        self.output.truncate()


@pytest.fixture
def lines():
    """What a handler of ours writes, as JSON, from the loggers in this test.

    Of this thread: another may still be answering the browser of a test before.
    """
    output, thread = io.StringIO(), threading.get_ident()
    handler = logging.StreamHandler(output)
    handler.addFilter(lambda record: record.thread == thread)
    handler.addFilter(logs.HideAddresses())
    handler.addFilter(logs.MaskNHSNumbers())
    handler.setFormatter(logs.JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield Lines(output)
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="session")
def collected_once(tmp_path_factory):
    """The static files as they are served in production; whoever spoils them, spoils a copy."""
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STORAGES=STORAGES, STATIC_ROOT=folder):
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder
