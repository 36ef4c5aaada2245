"""The process that imports a file: one of its own, which neither a request nor a restart ends."""

import os
import subprocess
import sys
from threading import Thread

from django.conf import settings


def start(sheet_id: int) -> None:
    """Begin to import a confirmed file, and do not wait.

    Should the process die, ``manage.py import_sheets`` goes on where it was: a timer calls it.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_sheets", "--only", str(sheet_id)],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    Thread(target=process.wait, daemon=True).start()  # so that it leaves no entry behind
