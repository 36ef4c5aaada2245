"""Read by gunicorn where it is started: how it serves here, whoever starts it.

What was measured to choose is in docs/performance.md, "Serving".

The metrics of all its processes are added up: they leave their counts in files in
PROMETHEUS_MULTIPROC_DIR, by default a new folder that goes with the server. A folder of your own is
emptied when the server starts.
"""

import gc
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

# Spreads connections evenly. What it refuses itself is refused in FHIR.
worker_class = "config.serving.Worker"
# Not less than nginx lets through (deploy/nginx: 8 KB for the line and for each header), so that it
# is the application that sees and audits a request; what nginx adds to X-Forwarded-For included.
# 8,190 is the most that gunicorn takes for the line. nginx counts no headers; 100 are many.
limit_request_line = 8190
limit_request_field_size = 8290
limit_request_fields = 100

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
timeout = 60
graceful_timeout = 30
# Longer than nginx keeps an idle connection (60 s), so that it is never the one that is surprised:
# what it sends is not sent twice.
keepalive = 75
# A process that has grown is replaced before it matters.
max_requests = 50_000
max_requests_jitter = 5_000
# Of systemd's, in memory: a slow disk must not make a process look dead.
worker_tmp_dir = RUNTIME = os.getenv("RUNTIME_DIRECTORY")
if RUNTIME:
    # A socket for each process, and one for whoever does not care which. More than there are
    # processes, so that nothing gets lost where nginx still has the sockets of some more.
    own = range(1, max(workers, 16) + 1)
    bind = [f"unix:{RUNTIME}/web.sock", *(f"unix:{RUNTIME}/web-{number}.sock" for number in own)]

MADE_HERE = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if MADE_HERE:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="appointments-metrics-")
FOLDER = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def on_starting(server: Any) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for left_over in FOLDER.glob("*.db"):
        left_over.unlink()


def pre_fork(server: Any, worker: Any) -> None:
    from config import serving

    serving.settle(worker, among=server.WORKERS.values(), processes=server.num_workers)


def post_worker_init(worker: Any) -> None:
    """Load what the first request would have to, and never collect garbage among it again."""
    from django.conf import settings

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    from config import serving

    serving.clear_away(worker)
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    if MADE_HERE:
        shutil.rmtree(FOLDER, ignore_errors=True)
