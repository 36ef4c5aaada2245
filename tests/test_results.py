"""What the long words leave behind: whose result it is, and for how long it may be shown."""

import subprocess

import pytest

from workbench import results


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of two files, one revision old."""
    root = tmp_path / "checkout"
    (root / "fhirapi").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "fhirapi" / "views.py").write_text("one\n")
    (root / "docs" / "a.txt").write_text("one\n")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    commit(root)
    return root


def commit(root):
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "More"], cwd=root, check=True)


def left(root, name, **given):
    """The result of a run of that word on the checkout as it is."""
    begun = results.Begun(name, results.State.now(root), results.datetime.now(results.UTC))
    begun.leave(passed=given.pop("passed", True), folder=root.parent / "results", root=root)
    return results.read(name, root.parent / "results")


def test_a_result_says_which_revision_it_is_of_and_how_it_went(checkout):
    found = left(checkout, "chaos")

    assert found["revision"] == results.State.now(checkout).revision
    assert found["clean"] is True
    assert results.fault("chaos", found, checkout) == ""
    assert "failed" in results.fault("chaos", left(checkout, "chaos", passed=False), checkout)
    assert results.fault("chaos", None, checkout) == "chaos: no result"


def test_a_result_of_a_changed_tree_is_nobodys(checkout):
    (checkout / "fhirapi" / "views.py").write_text("two\n")

    assert "no revision" in results.fault("chaos", left(checkout, "chaos"), checkout)


def test_a_tree_that_changes_while_it_runs_is_nobodys_either(checkout):
    begun = results.Begun("chaos", results.State.now(checkout), results.datetime.now(results.UTC))
    (checkout / "new.txt").write_text("new\n")

    begun.leave(passed=True, folder=checkout.parent / "results", root=checkout)

    assert results.read("chaos", checkout.parent / "results")["clean"] is False


def test_a_long_run_holds_until_something_that_it_tries_has_changed(checkout):
    chaos, tests = left(checkout, "chaos"), left(checkout, "test-sqlite")
    (checkout / "docs" / "a.txt").write_text("two\n")
    commit(checkout)

    assert results.fault("chaos", chaos, checkout) == ""
    assert "changed since: docs/a.txt" in results.fault("test-sqlite", tests, checkout)

    (checkout / "fhirapi" / "views.py").write_text("two\n")
    assert "changed since: fhirapi/views.py" in results.fault("chaos", chaos, checkout)


def test_a_result_of_another_branch_says_nothing_of_this_one(checkout):
    found = left(checkout, "chaos") | {"revision": "f" * 40}

    assert "no ancestor" in results.fault("chaos", found, checkout)


def test_a_word_that_does_not_say_what_it_tries_leaves_no_result():
    with pytest.raises(ValueError, match="what does it try"):
        results.begin("surprise")
