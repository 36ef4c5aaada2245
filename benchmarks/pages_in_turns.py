"""What staff look at, asked of two trees in turns: the part ``pages`` of benchmarks.against."""

import json
from collections.abc import Sequence
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.against import Side, Tree

POLL = "poll of an open diary"


class PagesInTurns:
    """The pages that both trees have, each at its own address, asked for by one browser.

    ``INSTEAD``: what an older tree has not, and the page of it that is taken for comparison.
    """

    clients = 1
    NUMBER, WARMING = 2, 8  # times that a page is asked for in a round, and before the first one
    OFTEN = 200  # the same of what takes a millisecond
    INSTEAD = MappingProxyType({POLL: "diary, a day", "next available, four weeks": "front page"})

    def __init__(self, trees: "Sequence[Tree]", day: date, only: Sequence[str]) -> None:
        found = {tree.url: json.loads(tree.fill("addresses", day)) for tree in trees}
        self.found, self.only = found, only

    def kinds(self) -> list[str]:
        """Those of this tree that the older one has, too."""
        old, new = (each["addresses"] for each in self.found.values())
        for title in new:
            if title not in old:
                print(f"  only this tree has: {title}; old: {self.INSTEAD.get(title, 'nothing')}")
        both = [title for title in new if title in old or self.INSTEAD.get(title) in old]
        return [title for title in both if title in (self.only or both)]

    def prepare(self, side: "Side") -> None:
        """Nothing."""

    def ask(self, side: "Side", kind: str, turn: int, clients: int) -> None:
        of_this = self.found[side.tree.url]
        title = kind if kind in of_this["addresses"] else self.INSTEAD[kind]
        lines = [
            f"GET {of_this['addresses'][title]} HTTP/1.1",
            "Host: 127.0.0.1",
            "X-Forwarded-Proto: https",
            f"Cookie: {of_this['cookie']}",
        ]
        known = of_this["known"].get(title)
        if known:
            lines.append(f"If-None-Match: {known}")
        request = "\r\n".join([*lines, "", ""]).encode()
        number = self.OFTEN if known else self.NUMBER
        times = number if turn else self.WARMING
        side.ask(kind, [request] * times, status=304 if known else 200, clients=clients)
