"""What a run of tests leaves behind, when it is asked to.

``RESULT=name``: the outcome of each test, in ``var/results/name.json`` (workbench.results).
``EXCHANGES=folder``: what tests with a ``req`` mark asked of GP Connect and were answered, a file
for each case. Of a test with many cases three are run. ``EXCHANGES_FORMAT=xml`` lets the
consumer of the tests speak XML where a test does not say what it speaks, and runs only what
exchanged something in JSON before. Both are for `make evidence`, and off otherwise.
"""

import gzip
import hashlib
import json
import os
import re
from collections import defaultdict
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.traceability import without_case
from workbench import results
from workbench.consumer import Consumer
from workbench.servers import NetworkClient

EXCHANGES_KEPT = 8  # of one case: the first ones and the last
BYTES_KEPT = 12_000  # of a body


def register(config: pytest.Config) -> None:
    """Called by tests/conftest.py: adds what the environment asks for."""
    name, folder = os.environ.get("RESULT"), os.environ.get("EXCHANGES")
    if name and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(name), "outcomes")
    if folder:
        form = os.environ.get("EXCHANGES_FORMAT", "json")
        config.pluginmanager.register(Exchanges(Path(folder), form), "exchanges")


# ---------------------------------------------------------------- outcomes


class Outcomes:
    """Counts what became of each test, over all its cases, and leaves it as a result."""

    def __init__(self, name: str) -> None:
        self.begun = results.begin(name)
        self.tests: dict[str, dict[str, Any]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self.tests[without_case(report.nodeid)]
        if report.when == "call" or report.outcome in {"failed", "skipped"}:
            test[report.outcome] = test.get(report.outcome, 0) + 1
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            test["why"] = report.longrepr[2].removeprefix("Skipped: ")
        said = [words for name, words in report.user_properties if name == "said"]
        if report.when == "teardown" and said:
            test.setdefault("said", []).extend(said)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        counted = {
            word: sum(test.get(word, 0) for test in self.tests.values())
            for word in ("passed", "failed", "skipped", "rerun")
        }
        self.begun.leave(
            passed=exitstatus == pytest.ExitCode.OK,
            counted=counted,
            tests=dict(sorted(self.tests.items())),
        )


# ---------------------------------------------------------------- exchanges


class Exchanges:
    """Keeps what tests with a mark said to GP Connect, and what they were answered."""

    def __init__(self, folder: Path, form: str) -> None:
        self.folder, self.form = folder, form
        self.kept: list[dict[str, Any]] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for client in (Client, NetworkClient):
            client.generic = self.listening(client.generic)  # type: ignore[method-assign]
        if form == "xml":
            speak_xml()

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what shows no more: all but three cases, and without XML what has none."""
        cases: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            cases[without_case(item.nodeid)].append(item)
        chosen = {
            of_one[number].nodeid
            for of_one in cases.values()
            for number in (0, len(of_one) // 2, -1)
        }
        if self.form == "xml":
            chosen = {each for each in chosen if self.file(each, "json").is_file()}
        config.hook.pytest_deselected(items=[each for each in items if each.nodeid not in chosen])
        items[:] = [each for each in items if each.nodeid in chosen]

    def file(self, nodeid: str, form: str) -> Path:
        """Where the exchanges of a case are kept."""
        name = hashlib.sha256(nodeid.encode()).hexdigest()[:20]
        return self.folder / f"{name}-{form}.json"

    def listening(self, generic: Any) -> Any:
        """That method, and each of its exchanges kept while a marked test runs."""

        @wraps(generic)
        def listen(client: Any, method: str, path: str, *given: Any, **named: Any) -> Any:
            response = generic(client, method, path, *given, **named)
            if self.kept is not None:
                self.kept.append(exchange(method, path, given, named, response))
            return response

        return listen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        self.kept = [] if item.get_closest_marker("req") else None
        try:
            done = yield
        except BaseException:
            self.kept = None
            raise
        kept, self.kept = self.kept, None
        if kept and (self.form != "xml" or any(map(speaks_xml, kept))):
            self.leave(item.nodeid, kept)
        return done

    def leave(self, nodeid: str, kept: list[dict[str, Any]]) -> None:
        """Write what a case that passed exchanged: the first ones, and the last."""
        half = EXCHANGES_KEPT // 2
        chosen = kept if len(kept) <= EXCHANGES_KEPT else [*kept[:half], *kept[-half:]]
        told = {"case": nodeid, "format": self.form, "of": len(kept), "exchanges": chosen}
        self.file(nodeid, self.form).write_text(json.dumps(told), encoding="utf-8")


def exchange(
    method: str, path: str, given: tuple[Any, ...], named: dict[str, Any], response: Any
) -> dict[str, Any]:
    """An exchange as it is kept; of a page of staff's, only that it was asked for."""
    status = response.status_code
    if not re.search(r"/STU3/", path):
        return {"method": method, "path": str(path)[:300], "status": status, "page": True}
    body = named.get("data", given[0] if given else b"")
    query = named.get("QUERY_STRING")
    headers = {str(name): str(value) for name, value in (named.get("headers") or {}).items()}
    if content_type := named.get("content_type"):
        headers["Content-Type"] = content_type
    return {
        "method": method,
        "path": (f"{path}?{query}" if query else str(path))[:2000],
        "headers": {name: value[:1500] for name, value in headers.items()},
        "body": shown(body),
        "status": status,
        "answer_headers": {name: str(value) for name, value in response.headers.items()},
        "answer": shown(answer(response)),
    }


def answer(response: Any) -> bytes:
    """The body of an answer, unpacked; nothing of a stream."""
    if getattr(response, "streaming", False):
        return b""
    packed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.content) if packed else response.content


def speaks_xml(kept: dict[str, Any]) -> bool:
    """Whether an exchange asks for, sends or is answered XML; a page of staff's does not."""
    return any(
        "xml" in headers.get(name, "")
        for headers in (kept.get("headers", {}), kept.get("answer_headers", {}))
        for name in ("Accept", "Content-Type")
    )


def shown(body: Any) -> str:
    """A body as text, cut where it grows long."""
    raw = body if isinstance(body, bytes) else str(body).encode()
    words = raw[:BYTES_KEPT].decode("utf-8", errors="replace")
    return words if len(raw) <= BYTES_KEPT else f"{words}\n… {len(raw) - BYTES_KEPT} bytes more"


def speak_xml() -> None:
    """A consumer that is not told which format to speak speaks XML."""
    made = Consumer.__init__

    @wraps(made)
    def init(self: Consumer, *given: Any, **named: Any) -> None:
        made(self, *given, **{"format": "xml"} | named)

    Consumer.__init__ = init  # type: ignore[method-assign]
