"""Settings are read from the environment; a mistake in it stops the start."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.checks import production_is_postgresql
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
