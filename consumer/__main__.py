"""``python -m consumer WORD ...``: what the library does from a command line."""

import sys
from collections.abc import Sequence
from importlib import import_module

WORDS = {
    # word: the module whose `main` does it, and what it does
    "check": ("consumer.check.command", "hold a provider to GP Connect, and report"),
    "proxy": ("consumer.proxy", "stand in for the Spine proxy on this machine"),
    "search": ("consumer.searching", "list free slots of several practices"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Do the word; without one, say which there are."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] not in WORDS:
        asked = bool(given) and given[0] in ("-h", "--help")
        to = sys.stdout if asked else sys.stderr
        print("usage: python -m consumer WORD ...", file=to)
        for word, (_, what) in WORDS.items():
            print(f"  {word:8} {what}", file=to)
        return 0 if asked else 2
    found: int = import_module(WORDS[given[0]][0]).main(given[1:])
    return found


if __name__ == "__main__":
    sys.exit(main())
