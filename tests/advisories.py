"""Known weaknesses in what we install: ``python -m tests.advisories``, part of ``make check``.

Asks the public advisory service through pip-audit, for every package of this environment. A known
weakness is exit code 1. Where the service cannot be reached one loud line is printed and the exit
code is 0, or 1 after ``--required``: an offline machine must be able to check its code.
"""

import argparse
import json
import subprocess
import sys

MISSING = "Dependency audit SKIPPED: the advisory service cannot be reached from here"


def ask() -> list[dict] | None:
    """What the service says of each package, or None when it says nothing at all."""
    said = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--local", "--format=json", "--timeout=10"]
        + ["--progress-spinner=off"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages = json.loads(said.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    # Behind a mirror that serves files only, each package is unknown.
    return packages if any("skip_reason" not in package for package in packages) else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.advisories", description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail when nobody can be asked")
    arguments = parser.parse_args()
    packages = ask()
    if packages is None:
        print(f"\n{'!' * len(MISSING)}\n{MISSING}\n{'!' * len(MISSING)}\n", flush=True)
        return 1 if arguments.required else 0
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        for weakness in package["vulns"]:
            repaired = ", ".join(weakness["fix_versions"]) or "no version yet"
            print(
                f"{package['name']} {package['version']}: {weakness['id']} (repaired: {repaired})"
            )
    print(f"{len(packages)} packages asked about, {len(weak)} with known weaknesses")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
