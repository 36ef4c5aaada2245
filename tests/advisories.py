"""Known weaknesses in what we install: ``python -m tests.advisories``, part of ``make check``.

Asks the public advisory service through pip-audit, for every package of this environment. A known
weakness is exit code 1. Whatever could not be asked about is printed loudly as SKIPPED, be it one
package or all of them, and the exit code is 0, so that an offline machine can check its code; after
``--release`` it is 1, since nothing is released that nobody asked about.
"""

import argparse
import json
import subprocess
import sys

from workbench import results

COMMAND = [sys.executable, "-m", "pip_audit", "--local", "--format=json", "--timeout=10"]


def ask() -> list[dict]:
    """What the service says of each package; nothing when it cannot be reached."""
    said = subprocess.run(
        [*COMMAND, "--progress-spinner=off"], capture_output=True, text=True, check=False
    )
    try:
        return json.loads(said.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []


def print_loudly(line: str) -> None:
    print(f"\n{'!' * len(line)}\n{line}\n{'!' * len(line)}\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.advisories", description=__doc__)
    parser.add_argument(
        "--release", action="store_true", help="fail when one cannot be asked about"
    )
    arguments = parser.parse_args()
    begun = results.begin("advisories")
    packages = ask()
    # Behind a mirror that serves files only, each package is unknown.
    skipped = [package for package in packages if "skip_reason" in package]
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        for weakness in package["vulns"]:
            repaired = ", ".join(weakness["fix_versions"]) or "no version yet"
            print(
                f"{package['name']} {package['version']}: {weakness['id']} (repaired: {repaired})"
            )
    if len(skipped) == len(packages):
        print_loudly("Dependency audit SKIPPED: the advisory service cannot be reached from here")
    elif skipped:
        names = ", ".join(package["name"] for package in skipped)
        print_loudly(f"Dependency audit SKIPPED for what the service does not know: {names}")
    print(f"{len(packages) - len(skipped)} packages asked about, {len(weak)} with known weaknesses")
    unknown = not packages or bool(skipped)
    begun.leave(
        passed=not weak and not unknown,
        asked=len(packages) - len(skipped),
        skipped=[package["name"] for package in skipped],
        weak=[f"{package['name']} {package['version']}" for package in weak],
    )
    return 1 if weak or (unknown and arguments.release) else 0


if __name__ == "__main__":
    sys.exit(main())
