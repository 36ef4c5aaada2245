"""Read by gunicorn where it is started: the metrics of all its processes are added up.

The processes leave their counts in files in PROMETHEUS_MULTIPROC_DIR, by default a new folder that
goes with the server. A folder of your own is emptied when the server starts.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

MADE_HERE = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if MADE_HERE:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="appointments-metrics-")
FOLDER = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def on_starting(server: Any) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for left_over in FOLDER.glob("*.db"):
        left_over.unlink()


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    if MADE_HERE:
        shutil.rmtree(FOLDER, ignore_errors=True)
