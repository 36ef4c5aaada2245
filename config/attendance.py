"""What the processes of the web server know of each other: who is there, and how busy.

A table in memory that they share: gunicorn's first process makes it before it starts the others.
Who takes which connection follows from it, in ``config.serving``.
"""

import mmap
from collections.abc import Iterable
from pathlib import PurePath
from re import fullmatch
from typing import Any

ROWS = 1024  # twice as many as there are processes: a reload starts new ones beside the old
NOBODY = 0
EVERYBODY = 0  # has a socket without a number


class Attendance:
    """A row for each process: its number, which it shares with its own socket, and how busy it is.

    ``numbers`` has NOBODY where no connection is taken: not yet, or no more. ``visited`` says of
    each number whether anybody ever came to its socket.
    """

    def __init__(self) -> None:
        memory = memoryview(mmap.mmap(-1, 3 * ROWS * 4)).cast("i")
        self.numbers = memory[:ROWS]
        self.connections = memory[ROWS : 2 * ROWS]
        self.visited = memory[2 * ROWS :]

    def state(self) -> bytes:
        """Whatever ``takers`` follow from, to be compared."""
        return self.numbers.tobytes() + self.visited.tobytes()

    def takers(self, sockets: Iterable[int]) -> dict[int, frozenset[int]]:
        """For the number of each socket the rows of those who take the connections to it.

        Its owner's, while the owner is there, and all others' otherwise. Whoever has a socket to
        which nobody comes helps everywhere: nginx may know of fewer sockets than there are.
        """
        present = {row: number for row, number in enumerate(self.numbers) if number != NOBODY}
        idle = {row for row, number in present.items() if not self.visited[number]}
        found = {}
        for socket in sockets:
            owners = {row for row, number in present.items() if number == socket}
            found[socket] = frozenset(owners | idle if owners else present)
        return found

    def fewest(self, rows: Iterable[int]) -> int | None:
        """How many connections the least busy of these has; nothing where there are none."""
        return min((self.connections[row] for row in rows), default=None)


def socket_number(name: Any) -> int:
    """The number at the end of a socket's name, such as 2 of web-2.sock; else EVERYBODY."""
    found = fullmatch(r".*-(\d+)\.sock", PurePath(name).name) if isinstance(name, str) else None
    return int(found[1]) if found else EVERYBODY


def free_place(taken: Iterable[tuple[int, int]], *, processes: int) -> tuple[int, int]:
    """A row that nobody has, and a number that as few others have as possible: 1, 2, and so on.

    Where a process follows another, it gets the number that is missing; in a reload each number is
    had twice for a while, and where there are more processes than there were, all get one.
    """
    taken = list(taken)
    rows = {row for row, _ in taken}
    numbers = [number for _, number in taken]
    return (
        next(row for row in range(ROWS) if row not in rows),
        min(range(1, processes + 1), key=numbers.count),
    )
