"""What every test of faults is given."""

from collections.abc import Callable, Iterator

import pytest

from tests.chaos.broken import Broken
from workbench.cluster import cluster


@pytest.fixture
def say(request, capsys) -> Callable[[str], None]:
    def speak(words: str) -> None:
        request.node.user_properties.append(("said", words))
        with capsys.disabled():
            print(f"\n  {words}", end="", flush=True)

    speak(f"--- {request.node.name}")
    return speak


@pytest.fixture
def broken(say) -> Iterator[Broken]:
    with cluster() as database:
        made = Broken(database, say)
        made.fill()
        yield made
