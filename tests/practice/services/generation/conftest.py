"""What the tests of generation share besides ``weeks``."""

from datetime import time

import pytest

from tests.practice.services.generation.weeks import MONDAY
from workbench.factories import make_template


@pytest.fixture
def template(practice):
    """One hour on each Monday: six slots."""
    return make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9), "end": time(10)}],
    )
