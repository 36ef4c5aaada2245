"""A process of its own imports a file: nobody waits for it, and it outlives who began it."""

import os
import sys

from practice.services.sheets import process


class Begun:
    """In the place of a process: what it was begun with, and that somebody waits for its end."""

    waited = 0

    def __init__(self, command, **options):
        Begun.command, Begun.options = command, options

    def wait(self):
        Begun.waited += 1


def test_an_import_gets_a_process_of_its_own_session(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(process.subprocess, "Popen", Begun)

    process.start(17)

    assert Begun.command == [sys.executable, "manage.py", "import_sheets", "--only", "17"]
    assert Begun.options["start_new_session"]
    assert "PROMETHEUS_MULTIPROC_DIR" not in Begun.options["env"]
    assert Begun.options["env"]["PATH"] == os.environ["PATH"]
    assert Begun.waited == 1
