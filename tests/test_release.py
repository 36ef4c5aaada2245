"""`make release` refuses what was not tried as it is, and says everything at once."""

import hashlib
import re
import subprocess
from datetime import UTC, datetime

import pytest

from workbench import packages, release, results

VERSION = packages.VERSION
PASSED = {"tests/test_pictures.py::test_a_picture": {"passed": 3}}


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """A checkout that may be released, and its results."""
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n## {VERSION}, 1 January 2030\n")
    (root / "docs" / "releases.md").write_text(f"# Releases\n\n### {VERSION}\n\nNothing.\n")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "All"], cwd=root, check=True)
    for name in (*release.TESTS, "advisories"):
        leave(root, name)
    return root


def leave(root, name, *, passed=True, tests=PASSED, **figures):
    begun = results.Begun(name, results.State.now(root), datetime.now(UTC))
    folder = root.parent / "results"
    begun.leave(passed=passed, folder=folder, root=root, tests=tests, **figures)


def refusals(root):
    return list(release.reasons(root, root.parent / "results"))


def test_what_was_tried_as_it_is_is_released(ready):
    assert refusals(ready) == []


def test_every_reason_is_named_at_once(ready):
    (ready / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    (ready / "docs" / "releases.md").write_text("# Releases\n")
    leave(ready, "test-sqlite", tests={})
    (ready.parent / "results" / "test-postgresql.json").unlink()
    leave(ready, "advisories", passed=False, weak=["leftpad 1.0"], skipped=["rightpad"])

    said = refusals(ready)

    assert [re.sub(r"\b[0-9a-f]{10}\b", "REVISION", each) for each in said] == [
        "the working tree is not clean: what is released must be a revision",
        "test-sqlite: of a working tree that was no revision (at REVISION) (make test)",
        "test-postgresql: no result (make test)",
        "advisories: of a working tree that was no revision (at REVISION) "
        "(make check RELEASE=1): leftpad 1.0; 1 packages could not be asked about",
        "pictures are not current, or nobody has looked (make pictures)",
        f"CHANGELOG.md has no entry of {VERSION}",
        f"docs/releases.md has no upgrade note of {VERSION}",
    ]


def test_tests_that_failed_or_are_of_an_older_revision_are_none(ready):
    leave(ready, "test-sqlite", passed=False)
    assert ["test-sqlite: failed" in each for each in refusals(ready)] == [True]

    leave(ready, "test-sqlite")
    (ready / "more.txt").write_text("more\n")
    subprocess.run(["git", "add", "--all"], cwd=ready, check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "More"], cwd=ready, check=True)
    assert ["changed since: more.txt" in each for each in refusals(ready)] == [True, True]


@pytest.mark.parametrize("counted", [{"passed": 2, "failed": 1}, {"skipped": 3}])
def test_a_picture_of_an_older_page_is_not_released(ready, counted):
    leave(ready, "test-sqlite", tests={"tests/test_pictures.py::test_a_picture": counted})

    assert ["pictures" in each for each in refusals(ready)] == [True]


def test_the_hashes_are_of_everything_that_lies_there(tmp_path):
    (tmp_path / "sbom").mkdir()
    (tmp_path / "sbom" / "bill.json").write_text("{}")
    (tmp_path / "a.whl").write_text("wheel")

    release.write_hashes(tmp_path)

    assert (tmp_path / "SHA256SUMS").read_text() == (
        f"{hashlib.sha256(b'wheel').hexdigest()}  a.whl\n"
        f"{hashlib.sha256(b'{}').hexdigest()}  sbom/bill.json\n"
    )
