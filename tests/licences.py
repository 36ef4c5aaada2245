"""The licences of what we install: ``python -m tests.licences``, part of ``make check``.

Exit code 1 where a package, or what a package bundles, has a licence that is not accepted or that
nobody knows; where what was looked up is no longer needed; and where something is installed that no
file of requirements pins. What is accepted, and why, docs/security.md says.
"""

import sys
from collections import Counter
from importlib.metadata import distributions

from packaging.utils import canonicalize_name

from workbench import packages

TABLE = "pyproject.toml, [tool.licences]"


def of_packages(pins: list[packages.Pin]) -> list[str]:
    """What is wrong with the licences of these packages, a line each."""
    faults = []
    for pin in pins:
        found = packages.licence(pin)
        if found is None:
            faults.append(
                f"{pin.name} {pin.version} names no licence that SPDX knows: "
                f'read its text, and write "{pin.name}=={pin.version}" into {TABLE}, looked-up'
            )
        elif not packages.is_accepted(found.expression):
            faults.append(f"{pin.name} {pin.version}: {found.expression} is not accepted ({TABLE})")
    return faults


def of_what_was_looked_up(pins: list[packages.Pin]) -> list[str]:
    """Entries for a version that we left, or for a package that says it by now itself."""
    needed = {
        f"{pin.name}=={pin.version}" for pin in pins if packages.declared_licence(pin.name) is None
    }
    return [
        f"{each} need not be looked up ({TABLE})" for each in packages.LOOKED_UP.keys() - needed
    ]


def of_bundled(pins: list[packages.Pin]) -> list[str]:
    """What is wrong with what packages bundle."""
    known = {pin.name for pin in pins}
    return [
        f"{each.name} in {each.within}: {each.licence} is not accepted, or there is no such package"
        for each in packages.BUNDLED
        if each.within not in known or not packages.is_accepted(each.licence)
    ]


def of_installed(pins: list[packages.Pin]) -> list[str]:
    """What this environment has and nobody pins."""
    pinned = {pin.name for pin in pins}
    installed = {canonicalize_name(each.name) for each in distributions()}
    return [f"{each} is installed and not pinned" for each in sorted(installed - pinned)]


def main() -> int:
    # Both files pin the same versions of what they share: tests/test_dependencies.py.
    pins = packages.pins(packages.PRODUCT) | packages.pins(packages.DEVELOPERS)
    every = [pins[name] for name in sorted(pins)]
    faults = [
        *of_packages(every),
        *of_what_was_looked_up(every),
        *of_bundled(every),
        *of_installed(every),
    ]
    for fault in faults:
        print(fault)
    licences = Counter(found.expression for pin in every if (found := packages.licence(pin)))
    print(f"{len(every)} packages, {len(licences)} licences, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
