"""What was found out once about something long that is sent again and again."""

import threading
from hashlib import sha256
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """What is known of the last ``most`` things, each by its digest: none of them is kept itself.

    Kept in this process, and forgotten with it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.lock = threading.Lock()
        self.kept: dict[bytes, Found] = {}

    def get(self, thing: bytes) -> tuple[bytes, Found | None]:
        """The digest of a thing, and what is known of it."""
        digest = sha256(thing).digest()
        return digest, self.kept.get(digest)

    def keep(self, digest: bytes, found: Found) -> None:
        """Remember this of the thing with this digest; the oldest goes when there are too many."""
        with self.lock:
            while digest not in self.kept and len(self.kept) >= self.most:
                del self.kept[next(iter(self.kept))]
            self.kept[digest] = found
