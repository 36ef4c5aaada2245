"""What we install: each pinned package, who wants it, its licence, and what it brings along.

Pins come from the files that ``make lock`` writes, licences from the metadata of what is
installed. Where those name no licence by its SPDX identifier, a person has looked it up:
``[tool.licences]`` of pyproject.toml.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires
from typing import NamedTuple

from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workbench.paths import ROOT

PRODUCT, DEVELOPERS = "requirements.txt", "requirements-dev.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURSELVES: str = PROJECT["project"]["name"]
# Read, not imported: the workbench knows nothing of the rooms above it.
_CONFIG = (ROOT / "config" / "__init__.py").read_text(encoding="utf-8")
VERSION: str = re.findall(r'^VERSION = "(.+)"$', _CONFIG, re.MULTILINE)[0]

# Where the product runs: Debian 12. What is pinned for other systems only is not installed there.
PRODUCTION = {
    **{"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"},
    **{"implementation_name": "cpython", "platform_python_implementation": "CPython"},
    **{"python_version": "3.11", "python_full_version": "3.11.0"},
}


@dataclass(frozen=True)
class Pin:
    """One package at one version."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]  # SHA-256 of each file that may be installed
    wanted_by: tuple[str, ...]  # packages, and OURSELVES

    @property
    def purl(self) -> PackageURL:
        return PackageURL("pypi", name=self.name, version=self.version)

    def runs_in_production(self) -> bool:
        return not self.marker or Marker(self.marker).evaluate(PRODUCTION)

    def is_needed_by(self, wanting: str) -> bool:
        """Whether that package wants this one in production, and not on other systems only."""
        if wanting not in self.wanted_by:
            return False
        if wanting == OURSELVES:
            return True
        extras = ["", *(metadata(wanting).get_all("Provides-Extra") or [])]
        wishes = [Requirement(each) for each in requires(wanting) or []]
        return any(
            wish.marker is None or wish.marker.evaluate(PRODUCTION | {"extra": extra})
            for wish in wishes
            if canonicalize_name(wish.name) == self.name
            for extra in extras
        )


_LINE = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))?(?: \\)?$"
    r"|    --hash=sha256:(?P<hash>[0-9a-f]{64})(?: \\)?$"
    r"|    # via (?P<only>\S.*)$"
    r"|    #   (?P<one>[^\s-].*)$"
    r"|    #   -c .*$|    # via$|#.*$"
)


def pins(file: str) -> dict[str, Pin]:
    """The packages that a file of requirements pins, by name."""
    found: dict[str, Pin] = {}
    # Of the package whose lines are being read:
    package: re.Match[str] | None = None
    hashes: list[str] = []
    wanted_by: list[str] = []

    def finish() -> None:
        if package is not None:
            found[package["name"]] = Pin(
                name=package["name"],
                version=package["version"],
                marker=package["marker"] or "",
                hashes=tuple(hashes),
                wanted_by=tuple(sorted({each.partition(" ")[0] for each in wanted_by})),
            )

    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        read = _LINE.match(line)
        if read is None:
            raise ValueError(f"{file} has a line that pins nothing: {line}")
        if read["name"]:
            finish()
            package, hashes, wanted_by = read, [], []
        elif read["hash"]:
            hashes.append(read["hash"])
        elif wanting := read["only"] or read["one"]:
            wanted_by.append(wanting)
    finish()
    return found


# ---------------------------------------------------------------- licences

_SPDX = get_spdx_licensing()
# The classifiers that mean one licence. "BSD License" and "Apache Software License" do not.
_CLASSIFIERS = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


class Bundled(NamedTuple):
    """What somebody else wrote, and a package of ours serves to browsers out of a folder."""

    name: str
    licence: str
    within: str  # the package
    folder: str  # below the address of static files
    version: str | None = None  # where its files tell it
    purl: str | None = None  # the package of npm that it is, without a version


ACCEPTED = frozenset(PROJECT["tool"]["licences"]["accepted"])
LOOKED_UP: dict[str, str] = PROJECT["tool"]["licences"]["looked-up"]
BUNDLED = [Bundled(**each) for each in PROJECT["tool"]["licences"]["bundled"]]


class Licence(NamedTuple):
    expression: str  # SPDX
    declared: bool  # by the package itself; else looked up by a person


def as_spdx(words: str) -> str | None:
    """The expression as SPDX writes it, or None if it is none."""
    try:
        tree = _SPDX.parse(words, validate=True, strict=True)
    except ExpressionError:
        return None
    return None if tree is None else str(tree)


def declared_licence(name: str) -> str | None:
    """The licence that the metadata of an installed package name, if SPDX knows it."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return None
    fields = ("License-Expression", "License")
    stated = [each for field in fields for each in said.get_all(field) or []]
    classified = {_CLASSIFIERS.get(each) for each in said.get_all("Classifier") or []} - {None}
    known = [spdx for each in stated if (spdx := as_spdx(each))]
    return known[0] if known else classified.pop() if len(classified) == 1 else None


def licence(pin: Pin) -> Licence | None:
    """The licence of a package, or None where nobody has said it."""
    if declared := declared_licence(pin.name):
        return Licence(declared, declared=True)
    looked_up = LOOKED_UP.get(f"{pin.name}=={pin.version}")
    return Licence(looked_up, declared=False) if looked_up else None


def is_accepted(expression: str) -> bool:
    """Whether what the expression demands can be kept with accepted licences only."""

    def holds(tree) -> bool:
        if isinstance(tree, _SPDX.OR):
            return any(holds(each) for each in tree.args)
        if isinstance(tree, _SPDX.AND):
            return all(holds(each) for each in tree.args)
        return str(tree) in ACCEPTED

    return as_spdx(expression) is not None and holds(_SPDX.parse(expression))
