"""How an unmodified client comes to a practice of ours."""

import pytest

from tests.consumer.here import provider
from tests.consumer.journeys import Way, proxied
from workbench.factories import make_slots


@pytest.fixture(params=["through the proxy", "directly"])
def way(request, practice, live_server):
    """A practice with a free slot, and how to come there."""
    make_slots(1)
    there = provider(live_server.url, practice.organisation)
    if request.param == "directly":
        yield Way(there.address, there, is_direct=True)
    else:
        with proxied(there) as proxy:
            yield Way(proxy.address, there, is_direct=False)
