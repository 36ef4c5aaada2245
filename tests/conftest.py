"""What every test may ask for, and which tests the chosen database can hold."""

import shutil

import pytest
from django.conf import settings
from django.db import connection


def pytest_collection_modifyitems(items):
    """Tests marked ``postgresql`` are skipped, and say so, when the run is on another database."""
    if connection.vendor == "postgresql":
        return
    reason = "needs PostgreSQL: make test, or python -m tests.postgresql -- pytest"
    for item in items:
        if item.get_closest_marker("postgresql"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_unconfigure():
    """Remove this process's SQLite files."""
    shutil.rmtree(settings.TEMPORARY_FOLDER, ignore_errors=True)
