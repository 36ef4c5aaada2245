"""What the tests of log lines share."""

import io
import json
import logging
import threading

import pytest

from config import logs


@pytest.fixture
def lines():
    """What a handler of ours writes, as JSON, from the loggers in this test.

    Of this thread: another may still be answering the browser of a test before.
    """
    output, thread = io.StringIO(), threading.get_ident()
    handler = logging.StreamHandler(output)
    handler.addFilter(lambda record: record.thread == thread)
    handler.addFilter(logs.MaskNHSNumbers())
    handler.setFormatter(logs.JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)
