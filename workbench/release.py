"""A release: ``python -m workbench.release``, which is ``make release`` (docs/releases.md).

Refuses, naming every reason at once, unless everything that is released was tried as it is. Then
builds into ``var/release/VERSION``: sdist and wheel, bills of materials, the image, the documents,
the evidence, and the SHA-256 of each. Exit code 1: refused, or something could not be built, and
there is no such folder.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench import packages, results
from workbench.paths import ROOT

FOLDER = ROOT / "var" / "release"
TESTS = ("test-sqlite", "test-postgresql")
OF_PICTURES = "tests/test_pictures.py"
UV = ROOT / "var" / "locker" / "bin" / "uv"  # make lock brings it


def reasons(root: Path = ROOT, folder: Path | None = None) -> Iterator[str]:
    """Why this tree is not released as it is."""
    state = results.State.now(root)
    if not state.clean:
        yield "the working tree is not clean: what is released must be a revision"
    found = {name: results.read(name, folder) for name in (*TESTS, "advisories")}
    for name in TESTS:
        if fault := results.fault(name, found[name], root):
            yield f"{fault} (make test)"
    if fault := results.fault("advisories", found["advisories"], root):
        yield f"{fault} (make check RELEASE=1){weaknesses(found['advisories'])}"
    if not pictures_are_current(found[TESTS[0]]):
        yield "pictures are not current, or nobody has looked (make pictures)"
    yield from unwritten(root, packages.VERSION)


def weaknesses(result: dict[str, Any] | None) -> str:
    """What is weak, and of what nobody knows, in a few words."""
    weak, skipped = (result or {}).get("weak", []), (result or {}).get("skipped", [])
    told = [*weak, *([f"{len(skipped)} packages could not be asked about"] if skipped else [])]
    return f": {'; '.join(told)}" if told else ""


def pictures_are_current(result: dict[str, Any] | None) -> bool:
    """Whether the tests that compare pictures with their pages have passed, all of them."""
    told = (result or {}).get("tests", {})
    found = [counted for name, counted in told.items() if name.startswith(f"{OF_PICTURES}::")]
    return bool(found) and all(
        each.get("passed") and not each.get("failed") and not each.get("skipped") for each in found
    )


def unwritten(root: Path, version: str) -> Iterator[str]:
    """What people are not told of this version."""
    for name, heading, what in (
        ("CHANGELOG.md", rf"^## {re.escape(version)}\b", "entry"),
        ("docs/releases.md", rf"^### {re.escape(version)}\b", "upgrade note"),
    ):
        file = root / name
        words = file.read_text(encoding="utf-8") if file.is_file() else ""
        if not re.search(heading, words, re.MULTILINE):
            yield f"{name} has no {what} of {version}"


# ---------------------------------------------------------------- building


def run(*command: str | Path, where: Path = ROOT) -> None:
    print("==", *command, flush=True)
    subprocess.run([str(each) for each in command], cwd=where, check=True)


def build_packages(target: Path, root: Path = ROOT) -> None:
    """Sdist and wheel of the last revision, made of a copy: a build leaves things lying about."""
    with tempfile.TemporaryDirectory() as copy:
        archive = Path(copy) / "source.tar"
        run("git", "archive", f"--output={archive}", "HEAD", where=root)
        source = Path(copy) / "source"
        with tarfile.open(archive) as opened:
            opened.extractall(source, filter="data")
        run(UV, "build", "--quiet", "--out-dir", target, ".", where=source)
    (target / ".gitignore").unlink(missing_ok=True)  # uv's own


def pack(folder: Path, target: Path) -> None:
    """A folder as one compressed file."""
    with tarfile.open(target, "w:gz") as packed:
        packed.add(folder, arcname=folder.name)


def build_image(target: Path) -> None:
    script = ROOT / "deploy" / "image" / "build.sh"
    if not script.is_file():
        print("There is NO IMAGE in this release: deploy/image/ has no build script", flush=True)
        return
    run("make", "image")
    for file in sorted((ROOT / "var" / "image").glob("*.tar*")):
        shutil.copyfile(file, target / file.name)


def build(target: Path) -> None:
    """Everything, into a new folder."""
    build_packages(target)
    run(sys.executable, "-m", "workbench.sbom", "--folder", target / "sbom")
    build_image(target)
    run("make", "docs")
    pack(ROOT / "var" / "site", target / "documents.tar.gz")
    run(sys.executable, "-m", "tests.evidence")
    pack(ROOT / "var" / "evidence", target / "evidence.tar.gz")
    write_hashes(target)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file that lies in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def write_hashes(target: Path) -> None:
    """``SHA256SUMS`` of all that lies in a folder, as ``sha256sum --check`` reads it."""
    lines = [f"{digest}  {name}\n" for name, digest in hashes(target).items()]
    (target / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main() -> int:
    subprocess.run([sys.executable, "-m", "tests.advisories", "--release"], cwd=ROOT)
    found = list(reasons())
    for reason in found:
        print(f"REFUSED: {reason}")
    if found:
        return 1
    target, new = FOLDER / packages.VERSION, FOLDER / f"{packages.VERSION}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        build(new)
    except subprocess.CalledProcessError as failure:
        shutil.rmtree(new)
        print(f"NOT RELEASED: {failure}", file=sys.stderr)
        return 1
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    print(f"{target}: {len(list(target.iterdir()))} files and folders; sign SHA256SUMS, and tag")
    return 0


if __name__ == "__main__":
    sys.exit(main())
