"""Settings are read from the environment; a mistake in it stops the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured


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
