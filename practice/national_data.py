"""National data about appointments: the lists that slot types are mapped to, as a version of them.

What a file of ``manage.py load_national_categories`` may hold, and everything that is wrong with
it. Which version is in force says practice.reads.national_data; the one that came with this release
stands in practice/terminology/appointment_data. Names are kept as they are published: they are what
a mapping stores, so that a later version changes nothing that was mapped under this one.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from practice.exceptions import NationalDataRefused

SHIPPED = Path(__file__).parent / "terminology" / "appointment_data" / "national_categories.json"
LONGEST = 100  # characters of a name, as the columns of a mapping keep them
MOST = 500  # entries of a list
# Shares of the measures that a threshold may be given for.
MEASURES = ("urgent", "routine", "care_home_round")
RATED = ("acc_08", "urgent_same_day", "routine_7_days", "routine_14_days")


@dataclass(frozen=True)
class Category:
    """A national category: ``acc_08`` and ``exception`` say which measures it counts in."""

    name: str
    context: str
    acc_08: bool
    exception: bool
    placeholder: bool = False


@dataclass(frozen=True)
class Suggestion:
    """What a name that holds one of these words may be mapped to."""

    words: tuple[str, ...]
    category: str
    mode: str = ""


@dataclass(frozen=True)
class Threshold:
    """What a practice is paid by, from a day on, in percent."""

    measure: str
    first_day: date
    percent: float


@dataclass(frozen=True)
class NationalData:
    """One version of the lists, checked."""

    version: str
    contexts: tuple[str, ...]
    settings: tuple[str, ...]
    modes: tuple[str, ...]
    categories: Mapping[str, Category]
    exception_reasons: tuple[str, ...]
    channel_modes: Mapping[str, str]
    channel_words: Mapping[str, tuple[str, ...]]
    measures: Mapping[str, frozenset[str]]
    thresholds: tuple[Threshold, ...]
    suggestions: tuple[Suggestion, ...]
    booking_methods: tuple[str, ...]
    booking_sources: tuple[str, ...]
    inside: Mapping[str, str]
    outside: Mapping[str, Any]

    @property
    def encounter(self) -> str:
        """The context type of what involves the patient: the first of the list."""
        return self.contexts[0]

    def suggest(self, name: str) -> tuple[Suggestion, str] | None:
        """What a name suggests, and the word of it that does; None: no idea."""
        for each in self.suggestions:
            if word := _said_in(name, each.words):
                return each, word
        return None

    def channel_in(self, name: str) -> tuple[str, str] | None:
        """The delivery channel that a name speaks of, and the word of it that does."""
        for channel, words in self.channel_words.items():
            if word := _said_in(name, words):
                return channel, word
        return None


def _said_in(name: str, words: Iterable[str]) -> str:
    """The first of these words that a word of the name begins with; empty: none."""
    said = name.lower()
    return next((each for each in words if re.search(rf"(?<!\w){re.escape(each)}", said)), "")


@cache
def shipped() -> dict[str, Any]:
    """What came with this release, as it stands in the file."""
    found: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


def fingerprint(given: object) -> str:
    """A hash of what the lists say, whatever the layout of the file."""
    plain = json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


# ---------------------------------------------------------------- reading

REQUIRED = ("version", "contexts", "settings", "modes", "categories", "exception_reasons")
# Of this product: what a published file does not say is taken from the version before.
OWN = (
    "channel_modes",
    "channel_words",
    "measures",
    "thresholds",
    "suggestions",
    "booking_methods",
    "booking_sources",
    "inside",
    "outside",
)


def completed(given: Any, before: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """A file with what it leaves out taken from the version before, and what that was.

    What names a category or a mode that the file does not have is left behind.
    """
    if not isinstance(given, dict):
        return given, []
    taken = [name for name in OWN if name not in given and name in before]
    whole = {**given, **{name: before[name] for name in taken}}
    categories, modes = _names_in(given.get("categories")), set(_texts_in(given.get("modes")))
    if "channel_modes" in taken:
        whole["channel_modes"] = {
            channel: mode for channel, mode in before["channel_modes"].items() if mode in modes
        }
    if "measures" in taken:
        whole["measures"] = {
            measure: [name for name in names if name in categories]
            for measure, names in before["measures"].items()
        }
    if "suggestions" in taken:
        whole["suggestions"] = [
            each
            for each in before["suggestions"]
            if each["category"] in categories and each.get("mode", "") in {"", *modes}
        ]
    return whole, taken


def _names_in(given: object) -> set[str]:
    entries = given if isinstance(given, list) else []
    return {str(each.get("name")) for each in entries if isinstance(each, dict)}


def _texts_in(given: object) -> list[str]:
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def read(given: Any) -> NationalData:
    """The lists of a whole file. Raises NationalDataRefused with everything that is wrong."""
    return _Reader(given).read()


class _Reader:
    def __init__(self, given: Any) -> None:
        if not isinstance(given, dict):
            raise NationalDataRefused(["An object is expected, with the lists in it."])
        self.given = given
        self.problems: list[str] = []

    def read(self) -> NationalData:
        known = {*REQUIRED, *OWN, "note"}
        self.problems += [f"There is no list {name!r:.40}." for name in self.given.keys() - known]
        self.problems += [f"{name} is missing." for name in REQUIRED if name not in self.given]
        version = self.given.get("version")
        if not isinstance(version, str) or not 0 < len(version) <= 40:
            self.problems.append("version: a text of at most 40 characters is expected.")
        contexts, modes = self.names("contexts"), self.names("modes")
        categories = self.categories(contexts)
        methods, sources = self.names("booking_methods"), self.names("booking_sources")
        found = NationalData(
            version=str(version),
            contexts=contexts,
            settings=self.names("settings"),
            modes=modes,
            categories=categories,
            exception_reasons=self.names("exception_reasons"),
            channel_modes=self.mapping("channel_modes", modes),
            channel_words=self.channel_words(),
            measures=self.measures(categories),
            thresholds=tuple(self.entries("thresholds", _threshold)),
            suggestions=self.suggestions(categories, modes),
            booking_methods=methods,
            booking_sources=sources,
            inside=self.door("inside", methods, sources),
            outside=self.door("outside", methods, sources),
        )
        if self.problems:
            raise NationalDataRefused(self.problems)
        return found

    def list_of(self, name: str) -> list[Any]:
        given = self.given.get(name, [])
        if not isinstance(given, list) or len(given) > MOST:
            self.problems.append(f"{name}: a list of at most {MOST} is expected.")
            return []
        return given

    def names(self, name: str) -> tuple[str, ...]:
        given = self.list_of(name)
        if name in self.given and not given:
            self.problems.append(f"{name}: the list is empty.")
        if any(not _is_name(each) for each in given):
            self.problems.append(f"{name}: names of 1 to {LONGEST} characters are expected.")
            return ()
        if len(set(given)) < len(given):
            self.problems.append(f"{name}: a name stands there twice.")
        return tuple(given)

    def entries(self, name: str, make: Callable[[dict[str, Any]], Any]) -> list[Any]:
        """What ``make`` makes of each object of a list; one that it cannot read is a problem."""
        made = []
        for number, each in enumerate(self.list_of(name), 1):
            try:
                made.append(make(each))
            except (KeyError, TypeError, ValueError, AttributeError):
                self.problems.append(f"{name}, number {number}: this is not as it should be.")
        return made

    def categories(self, contexts: tuple[str, ...]) -> dict[str, Category]:
        found: dict[str, Category] = {}
        for each in self.entries("categories", _category):
            if each.name in found:
                self.problems.append(f"categories: {each.name} stands there twice.")
            if each.context not in contexts:
                self.problems.append(f"categories: {each.name} has a context that is not listed.")
            found[each.name] = each
        if "categories" in self.given and not found:
            self.problems.append("categories: the list is empty.")
        return found

    def mapping(self, name: str, allowed: tuple[str, ...]) -> dict[str, str]:
        given = self.given.get(name, {})
        if not isinstance(given, dict):
            self.problems.append(f"{name}: an object is expected.")
            return {}
        for value in given.values():
            if value not in allowed:
                self.problems.append(f"{name}: {value!r:.60} is not listed.")
        return given

    def channel_words(self) -> dict[str, tuple[str, ...]]:
        given = self.given.get("channel_words", {})
        if not isinstance(given, dict) or not all(isinstance(e, list) for e in given.values()):
            self.problems.append("channel_words: lists of words by channel are expected.")
            return {}
        return {channel: tuple(_texts_in(words)) for channel, words in given.items()}

    def measures(self, categories: Mapping[str, Category]) -> dict[str, frozenset[str]]:
        given = self.given.get("measures", {})
        if not isinstance(given, dict) or not given.keys() <= set(MEASURES):
            self.problems.append(f"measures: only {', '.join(MEASURES)} are known.")
            return {}
        for name, each in given.items():
            if not set(_texts_in(each)) <= categories.keys():
                self.problems.append(f"measures, {name}: a category is not listed.")
        return {name: frozenset(_texts_in(given.get(name))) for name in MEASURES}

    def suggestions(
        self, categories: Mapping[str, Category], modes: tuple[str, ...]
    ) -> tuple[Suggestion, ...]:
        found = self.entries("suggestions", _suggestion)
        for each in found:
            if each.category not in categories:
                self.problems.append(f"suggestions: {each.category!r:.60} is not listed.")
            if each.mode and each.mode not in modes:
                self.problems.append(f"suggestions: {each.mode!r:.60} is not listed.")
        return tuple(found)

    def door(self, name: str, methods: tuple[str, ...], sources: tuple[str, ...]) -> dict[str, Any]:
        given = self.given.get(name, {})
        if not isinstance(given, dict) or not isinstance(given.get("sources", {}), dict):
            self.problems.append(f"{name}: an object is expected.")
            return {}
        if given and (given.get("method") not in methods or given.get("source") not in sources):
            self.problems.append(f"{name}: its method or its source is not listed.")
        if any(each not in sources for each in given.get("sources", {}).values()):
            self.problems.append(f"{name}: one of its sources is not listed.")
        return given


def _is_name(given: object) -> bool:
    return isinstance(given, str) and 0 < len(given.strip()) == len(given) <= LONGEST


def _category(each: dict[str, Any]) -> Category:
    flags = [each["acc_08"], each["exception"], each.get("placeholder", False)]
    if not _is_name(each["name"]) or not all(isinstance(flag, bool) for flag in flags):
        raise ValueError
    return Category(each["name"], str(each["context"]), *flags)


def _suggestion(each: dict[str, Any]) -> Suggestion:
    words = each["words"]
    if not isinstance(words, list) or not all(_is_name(word) for word in words):
        raise ValueError
    words = tuple(word.lower() for word in words)
    return Suggestion(words, str(each["category"]), str(each.get("mode", "")))


def _threshold(each: dict[str, Any]) -> Threshold:
    if each["measure"] not in RATED or not 0 <= float(each["percent"]) <= 100:
        raise ValueError
    return Threshold(each["measure"], date.fromisoformat(each["from"]), float(each["percent"]))
