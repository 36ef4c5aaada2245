"""Settings are read from the environment; a mistake in it stops the start."""

import os
import shutil
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.checks import production_is_postgresql, static_files_are_collected
from config.settings import database
from workbench.paths import ROOT


@pytest.mark.parametrize(
    ("name", "value"),
    [("DJANGO_LOG_FORMAT", "xml"), ("METRICS_NETWORKS", "10.0.0.1/8"), ("DIARY_DAYS_WARNING", "x")],
)
def test_a_mistake_in_the_configuration_stops_the_start(monkeypatch, name, value):
    import importlib

    from config import settings as module

    monkeypatch.setenv(name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        importlib.reload(module)

    monkeypatch.delenv(name)
    importlib.reload(module)


@pytest.mark.parametrize("url", [None, ""])
def test_without_a_database_production_does_not_start(url):
    """An environment file that was not read would otherwise make a new, empty appointment book."""
    ours = {name: os.environ[name] for name in ("DJANGO_SECRET_KEY", "PATH")}
    started = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env={**ours, **({} if url is None else {"DATABASE_URL": url})},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert started.returncode == 1
    assert "DATABASE_URL must be set" in started.stderr


def test_sqlite_in_production_is_a_warning_of_the_deployment_check(monkeypatch):
    for url, warnings in (("sqlite:///a.sqlite3", 1), ("postgresql://host/name", 0)):
        monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", database(url)["ENGINE"])
        assert len(production_is_postgresql(None)) == warnings


def deployment_check(**environment):
    """What ``check --deploy`` says with this environment and no other, and its exit code."""
    ended = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stderr


def test_the_deployment_check_finds_that_no_database_is_named():
    """In a sentence. In debug mode too, where a file would be made instead."""
    code, said = deployment_check(DJANGO_SECRET_KEY=settings.SECRET_KEY)
    assert code == 1
    assert said.startswith("The settings cannot be read: DATABASE_URL must be set")
    assert "Traceback" not in said

    code, said = deployment_check(DJANGO_DEBUG="1")
    assert code == 1
    assert "(config.E002) DATABASE_URL is not set." in said


def found(messages):
    return [(message.id, message.msg) for message in messages]


def test_the_deployment_check_finds_static_files_that_are_not_there(
    settings, tmp_path, collected_once
):
    settings.STATIC_ROOT = tmp_path / "static"
    [(name, _)] = found(static_files_are_collected(None))
    assert name == "config.E003"

    shutil.copytree(collected_once, settings.STATIC_ROOT, copy_function=os.link)
    assert found(static_files_are_collected(None)) == []

    [script] = settings.STATIC_ROOT.glob("pages.????????????.js")
    script.unlink()
    [(name, said)] = found(static_files_are_collected(None))
    assert (name, "pages.js" in said) == ("config.E003", True)
