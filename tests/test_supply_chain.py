"""What we install is listed, under licences that we accept, and asked about before a release."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from django.contrib.staticfiles.finders import find, get_finders
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import advisories, licences
from workbench import packages, sbom
from workbench.paths import ROOT

PROJECT = packages.PROJECT


# ---------------------------------------------------------------- bills of materials


@cache
def written_bill(file: str) -> str:
    return sbom.bill(file)


def bill_of(file: str) -> dict:
    return json.loads(written_bill(file))


@pytest.mark.parametrize("file", [packages.PRODUCT, packages.DEVELOPERS])
def test_a_bill_is_valid_cyclonedx(file):
    """By the schema that CycloneDX publishes, which its library brings along."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written_bill(file))

    assert fault is None


def installed_graph(listed: list[str]) -> dict[str, set[str]]:
    """Who needs whom here, as the installed packages themselves say it; "" is our own list."""
    graph: dict[str, set[str]] = {"": set()}
    asked = [("", Requirement(each)) for each in listed]
    done = set()
    while asked:
        wanting, wanted = asked.pop()
        name = canonicalize_name(wanted.name)
        graph[wanting].add(name)
        graph.setdefault(name, set())
        for extra in ("", *wanted.extras):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            for each in map(Requirement, requires(name) or []):
                if not each.marker or each.marker.evaluate({"extra": extra}):
                    asked.append((name, each))
    # A package that names itself with an extra does not need itself.
    return {name: needed - {name} for name, needed in graph.items()}


@pytest.mark.skipif(sys.platform != "linux", reason="a bill is of what Linux installs")
@pytest.mark.parametrize(
    ("file", "listed"),
    [
        pytest.param(packages.PRODUCT, PROJECT["project"]["dependencies"], id="product"),
        pytest.param(packages.DEVELOPERS, PROJECT["dependency-groups"]["dev"], id="developers"),
    ],
)
def test_a_bill_lists_what_is_installed_and_who_needs_it(file, listed):
    graph = installed_graph(listed)
    graph[packages.OURSELVES] = graph.pop("")

    bill = bill_of(file)

    components = {each["bom-ref"]: each for each in bill["components"]}
    assert {each["name"]: each["version"] for each in components.values()} == {
        name: version(name) for name in graph if name != packages.OURSELVES
    }
    names = {ref: each["name"] for ref, each in components.items()}
    names[bill["metadata"]["component"]["bom-ref"]] = packages.OURSELVES
    assert {
        names[each["ref"]]: {names[ref] for ref in each.get("dependsOn", [])}
        for each in bill["dependencies"]
        if each["ref"] in names
    } == graph


@pytest.mark.parametrize("file", [packages.PRODUCT, packages.DEVELOPERS])
def test_each_component_can_be_looked_up_and_compared(file):
    bill = bill_of(file)

    for each in bill["components"]:
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert each["licenses"]
        [files] = each["externalReferences"]
        assert files["type"] == "distribution"
        assert {(one["alg"], len(one["content"])) for one in files["hashes"]} == {("SHA-256", 64)}


def test_a_bill_lists_what_packages_bundle_for_browsers():
    bill = bill_of(packages.PRODUCT)

    [unfold] = [each for each in bill["components"] if each["name"] == "django-unfold"]

    purls = {each.get("purl") for each in unfold["components"]}
    assert {"pkg:npm/alpinejs@3.14.9", "pkg:npm/chart.js@4.4.0"} <= purls
    assert "Inter" in {each["name"] for each in unfold["components"]}


def test_what_only_windows_installs_is_in_no_bill():
    assert "colorama" in packages.pins(packages.PRODUCT)

    assert "colorama" not in written_bill(packages.PRODUCT)


def test_the_same_input_gives_the_same_bytes(monkeypatch, tmp_path):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    subprocess.run(
        [sys.executable, "-m", "workbench.sbom", "--folder", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    )
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}

    assert written == {
        "requirements.cdx.json": sbom.bill(packages.PRODUCT),
        "requirements-dev.cdx.json": sbom.bill(packages.DEVELOPERS),
    }
    bills = [json.loads(each) for each in written.values()]
    assert {each["metadata"]["timestamp"] for each in bills} == {"2026-01-01T00:00:00+00:00"}
    assert len({each["serialNumber"] for each in bills}) == 2


def test_another_content_has_another_serial_number(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    before = json.loads(sbom.bill(packages.PRODUCT))["serialNumber"]
    monkeypatch.setattr(packages, "VERSION", "9.9.9")

    after = json.loads(sbom.bill(packages.PRODUCT))["serialNumber"]

    assert before != after


def test_without_a_commit_the_time_must_be_said(monkeypatch, tmp_path):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(SystemExit, match="SOURCE_DATE_EPOCH"):
        sbom.moment()


# ---------------------------------------------------------------- licences


def test_every_licence_is_known_and_accepted(capsys):
    """The step of ``make check``, but for packages that are here and not pinned."""
    pins = packages.pins(packages.PRODUCT) | packages.pins(packages.DEVELOPERS)
    every = list(pins.values())

    assert licences.of_packages(every) == []
    assert licences.of_what_was_looked_up(every) == []
    assert licences.of_bundled(every) == []


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("MIT", True),
        ("mit", True),
        ("AGPL-3.0-only", False),
        ("MIT OR AGPL-3.0-only", True),
        ("MIT AND AGPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MPL-2.0 AND (SSPL-1.0 OR BUSL-1.1)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("BSD", False),
        ("", False),
    ],
)
def test_of_a_choice_one_must_be_accepted_and_of_a_sum_all(expression, accepted):
    assert packages.is_accepted(expression) is accepted


NEWCOMER = packages.Pin("newcomer", "1.0", "", ("0" * 64,), (packages.OURSELVES,))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"License-Expression": "MIT"}, None),
        ({"License": "Apache-2.0"}, None),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, None),
        ({"License-Expression": "SSPL-1.0"}, "SSPL-1.0 is not accepted"),
        ({"License": "BSD"}, "names no licence that SPDX knows"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "names no licence"),
        ({}, "names no licence"),
    ],
    ids=str,
)
def test_a_package_with_an_unknown_or_unaccepted_licence_is_named(monkeypatch, said, fault):
    message = metadata("pytest")
    for header in ("License-Expression", "License", "Classifier"):
        del message[header]
    for header, value in said.items():
        message[header] = value
    monkeypatch.setattr(packages, "metadata", lambda name: message)

    faults = licences.of_packages([NEWCOMER])

    assert len(faults) == (fault is not None)
    assert all(fault in each and "newcomer 1.0" in each for each in faults)


def test_what_was_looked_up_holds_for_that_version_only(monkeypatch):
    monkeypatch.setattr(packages, "LOOKED_UP", {"newcomer==0.9": "MIT"})

    assert "newcomer 1.0 names no licence" in licences.of_packages([NEWCOMER])[0]
    assert "newcomer==0.9 need not be looked up" in licences.of_what_was_looked_up([NEWCOMER])[0]


def test_what_nobody_pins_is_named():
    pins = packages.pins(packages.PRODUCT) | packages.pins(packages.DEVELOPERS)
    del pins["pytest"]

    assert "pytest is installed and not pinned" in licences.of_installed(list(pins.values()))


def served() -> list[tuple[str, Path]]:
    """Each static file of a package, by its address and where it lies."""
    return [
        (str(Path(getattr(storage, "prefix", None) or "") / path), Path(storage.path(path)))
        for finder in get_finders()
        for path, storage in finder.list([])
        if "site-packages" in storage.path(path)
    ]


def test_every_licence_among_the_static_files_is_one_that_we_have_read():
    """Who bundles the work of others puts its licence beside it."""
    folders = {each.folder for each in packages.BUNDLED}
    beside = {str(Path(path).parent) for path, _ in served() if "licen" in path.lower()}

    assert beside
    assert beside - folders == set()


@pytest.mark.parametrize(
    "bundled", packages.BUNDLED, ids=lambda each: f"{each.within}: {each.name}"
)
def test_what_is_bundled_is_there_in_the_version_that_the_bill_names(bundled):
    texts = [
        file.read_text(encoding="utf-8", errors="replace")
        for path, file in served()
        if str(Path(path).parent) == bundled.folder
    ]

    assert texts
    assert any((bundled.version or "") in text for text in texts)


def test_files_that_no_page_uses_are_not_served():
    """DRF's own pages, which we do not have, come with Bootstrap 3."""
    assert find("rest_framework/css/bootstrap.min.css") is None


# ---------------------------------------------------------------- advisories

KNOWN = {"name": "known", "version": "1.0", "vulns": []}
WEAK = KNOWN | {"name": "weak", "vulns": [{"id": "A-WEAKNESS", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def answer(*packages: dict) -> str:
    """What pip-audit prints."""
    return json.dumps({"dependencies": packages})


@pytest.mark.parametrize(
    ("printed", "word", "development", "release"),
    [
        pytest.param(answer(KNOWN), "1 packages asked about", 0, 0, id="nothing known"),
        pytest.param(answer(KNOWN, WEAK), "A-WEAKNESS", 1, 1, id="a weakness"),
        pytest.param(answer(KNOWN, UNKNOWN), "SKIPPED", 0, 1, id="one not asked about"),
        pytest.param(answer(UNKNOWN), "SKIPPED", 0, 1, id="all unknown"),
        pytest.param(answer(WEAK, UNKNOWN), "SKIPPED", 1, 1, id="both"),
        pytest.param("Traceback: no connection", "SKIPPED", 0, 1, id="no service"),
    ],
)
def test_what_cannot_be_asked_about_is_said_aloud_and_stops_a_release(
    monkeypatch, capsys, printed, word, development, release
):
    said = f"import sys; sys.stdout.write({printed!r}); sys.exit(1)"
    monkeypatch.setattr(advisories, "COMMAND", [sys.executable, "-c", said])

    for arguments, code in (([], development), (["--release"], release)):
        monkeypatch.setattr(sys, "argv", ["tests.advisories", *arguments])
        assert advisories.main() == code
        assert word in capsys.readouterr().out


@pytest.mark.parametrize(("words", "release"), [([], False), (["RELEASE=1"], True)])
def test_make_check_hands_on_whether_it_is_a_release(words, release):
    said = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/stamp", "check", *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "RELEASE"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "-m tests.licences" in said
    assert ("-m tests.advisories --release" in said) is release
