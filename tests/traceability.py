"""Which requirements have tests: ``python -m tests.traceability``.

Reads the ids in ``@pytest.mark.req("BOOK-063", ...)`` from the tests' source (also in module-level
``pytestmark`` and in the marks of single parameters), and the published catalogue. An id that the
catalogue lacks is an error: exit code 1. Source files are read, not run, so a skipped test counts:
the test report says what was skipped.
"""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.shared import GPCONNECT, MISSING, ROOT

# The groups whose every SHALL has a test, as far as a test can hold it.
ALL_SHALL = {
    *("GEN", "ERR", "JWT", "SSP", "ENA", "SLOT", "AVAIL", "BOOK", "RETR", "READ", "AMEND", "CANC"),
    *("PAT", "PRAC", "ORG", "LOC", "META", "REG"),
}


def marks(source: str) -> Iterator[tuple[str, int]]:
    """Every (id, line) that a ``req`` mark in a source text names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.req", "req"):
            for argument in node.args:
                for identifier in spelled_out(argument):
                    yield identifier, node.lineno


def spelled_out(argument: ast.expr) -> list[str]:
    """The ids in one argument: a text, or ``*("A", "B")``.

    What is computed cannot be searched for either, and so counts as an unknown id.
    """
    try:
        if isinstance(argument, ast.Starred):
            return [str(each) for each in ast.literal_eval(argument.value)]
        return [str(ast.literal_eval(argument))]
    except ValueError:
        return [ast.unparse(argument)]


def collect(folder: Path) -> dict[str, list[str]]:
    """The places, as ``path:line``, at which each id is named."""
    places = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for identifier, line in marks(path.read_text(encoding="utf-8")):
            places[identifier].append(f"{path.relative_to(folder.parent)}:{line}")
    return dict(places)


def report(requirements: list[dict[str, str]], tested: Iterable[str]) -> Iterator[str]:
    """The lines of the report: a table of groups, then the ids without a test."""
    tested = set(tested)
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for requirement in requirements:
        groups[requirement["group"]].append(requirement)
    yield f"{'group':6} {'ids':>9} {'SHALL':>9}  of which with tests"
    for group, members in groups.items():
        shall = [each["id"] for each in members if each["strength"] == "SHALL"]
        with_test = sum(each["id"] in tested for each in members)
        shall_with_test = sum(identifier in tested for identifier in shall)
        wanted = "" if group in ALL_SHALL else "  (not required of this group)"
        yield (
            f"{group:6} {f'{with_test}/{len(members)}':>9} "
            f"{f'{shall_with_test}/{len(shall)}':>9}{wanted}"
        )
    for group, members in groups.items():
        missing = [each for each in members if each["id"] not in tested]
        if missing:
            yield f"\n{group}: {len(missing)} without a test"
        for each in missing:
            yield f"  {each['id']:10} {each['strength']:6} {shortened(each['text'])}"


def shortened(text: str, width: int = 110) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def catalogue() -> tuple[list[dict[str, str]], set[str]]:
    """The requirements, and all ids that a mark may name: those, decisions and staff stories."""
    folder = GPCONNECT / "requirements"
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    stories = re.findall(r"STAFF-\d+", (folder / "staff_user_stories.md").read_text("utf-8"))
    return index["requirements"], {
        *(each["id"] for each in index["requirements"] + index["decisions"]),
        *stories,
    }


def main() -> int:
    if not GPCONNECT.is_dir():
        print(MISSING)
        return 0
    requirements, known = catalogue()
    places = collect(ROOT / "tests")
    print("\n".join(report(requirements, places)))
    unknown = {identifier: at for identifier, at in places.items() if identifier not in known}
    for identifier, at in unknown.items():
        print(f"\nERROR: {identifier} is not in the catalogue: {', '.join(at)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
