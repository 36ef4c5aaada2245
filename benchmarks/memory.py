"""What a worker of the web server holds in memory when it has started, and after 2,000 searches.

``python -m benchmarks.memory [--searches N]``. PSS: pages that processes share are counted in
parts, so that the workers of a server add up to what they take from the machine. Linux only.
"""

from pathlib import Path
from typing import Any

from benchmarks import driving, requests, results, stack

CLIENTS = 4


def proportional_megabytes(pid: int) -> float:
    """The PSS of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel does not tell")


def workers(pid: int) -> list[float]:
    """Megabytes of each worker of a server, without the parent that minds them."""
    return [round(proportional_megabytes(each), 1) for each in stack.descendants(pid)[1:]]


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--searches", type=int, default=2000)
    options = parser.parse_args()
    with stack.postgresql() as database:
        stack.use(database.url)
        stack.migrate(database.url)
        practices, day = requests.build()
        stack.leave_database()
        with stack.web(database.url) as (address, pid):
            ask = requests.asking(requests.OURS, practices, day, f"{address[0]}:{address[1]}")
            driving.closed(address, ask, clients=CLIENTS, seconds=0.5)
            started = workers(pid)
            asked = 0
            while asked < options.searches:
                asked += len(driving.closed(address, ask, clients=CLIENTS, seconds=2).answers)
            later = workers(pid)
    found = {"started_megabytes": started, "later_megabytes": later, "searches": asked}
    print(
        f"  each worker: {', '.join(map(str, started))} MB of PSS when it has begun to answer,"
        f" {', '.join(map(str, later))} MB after {asked:,} searches"
    )
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
