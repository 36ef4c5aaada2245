"""Times of alternatives taken in turns, so that what slows the machine slows all of them alike."""

import gc
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any


@dataclass(frozen=True)
class Times:
    """Milliseconds of every run of one alternative, and those of processor time in this process.

    The second say more where the machine is busy, but nothing of the database's share.
    """

    milliseconds: list[float]
    processor: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def spread(self) -> float:
        """Half of what lies between the quartiles, in milliseconds."""
        low, _, high = statistics.quantiles(self.milliseconds, n=4)
        return (high - low) / 2


def take_turns(
    alternatives: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    few: Mapping[str, int] | None = None,
) -> dict[str, Times]:
    """Run every alternative once a round, in an order of its own each round.

    ``few`` gives slow alternatives fewer rounds. Each runs twice before anything counts.
    """
    few = few or {}
    taken = {name: Times([], []) for name in alternatives}
    for alternative in alternatives.values():
        alternative()
        alternative()
    gc.collect()
    gc.freeze()
    for turn in range(rounds):
        names = [name for name in alternatives if turn < few.get(name, rounds)]
        random.shuffle(names)
        for name in names:
            begun, used = perf_counter(), process_time()
            alternatives[name]()
            taken[name].processor.append((process_time() - used) * 1000)
            taken[name].milliseconds.append((perf_counter() - begun) * 1000)
    return taken


def table(times: Mapping[str, Times], *, against: str) -> list[str]:
    """Lines that print medians, spreads and ratios to one of the alternatives."""
    base = times[against].median
    return [
        f"  {name:<34} {each.median:9.2f} ms ± {each.spread:6.2f}   {each.median / base:6.2f} x"
        for name, each in times.items()
    ]


def figures(times: Mapping[str, Times], *, against: str) -> dict[str, Any]:
    """The same as ``table``, to be kept."""
    base = times[against].median
    return {
        name: {
            "median_ms": round(each.median, 3),
            "spread_ms": round(each.spread, 3),
            "processor_ms": round(statistics.median(each.processor), 3),
            "ratio": round(each.median / base, 3),
        }
        for name, each in times.items()
    }
