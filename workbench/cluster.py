"""A PostgreSQL server of the test's own, that may be stopped, killed, filled up and started again.

Unlike that of workbench.postgresql it keeps its promises over a crash: fsync and all that are on.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from workbench.postgresql import binaries, unprivileged, wait_until_ready


class Cluster:
    """A server below ``home``, on a Unix socket only. ``data`` is where its files are."""

    def __init__(self, home: Path, data: Path, settings: Mapping[str, str]) -> None:
        self.home, self.data, self.settings = home, data, settings
        self.log = home / "log"
        found = binaries()
        assert found, "no PostgreSQL server binaries"
        self.binaries = found
        self.process: subprocess.Popen[Any] | None = None
        self.url = f"postgresql://postgres@{quote(str(home), safe='')}/postgres"

    def create(self) -> None:
        with self.log.open("ab") as output:
            subprocess.run(
                [str(self.binaries / "initdb"), "--pgdata", str(self.data / "data")]
                + ["--username", "postgres", "--auth", "trust", "--encoding", "UTF8"]
                + ["--no-locale", "--wal-segsize", "1"],
                cwd=self.home,
                stdout=output,
                stderr=output,
                check=True,
                **unprivileged(),
            )

    def copy(self, primary: "Cluster") -> None:
        """Become a streaming replica of a running server, as soon as it is started."""
        # PATH may name single programs of the folder only.
        binaries = (self.binaries / "initdb").resolve().parent
        with self.log.open("ab") as output:
            subprocess.run(
                [str(binaries / "pg_basebackup"), "--pgdata", str(self.data / "data"), "--no-sync"]
                + ["--host", str(primary.home), "--username", "postgres"]
                + ["--checkpoint", "fast", "--write-recovery-conf"],
                cwd=self.home,
                stdout=output,
                stderr=output,
                check=True,
                **unprivileged(),
            )

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "max_connections": "60",
            "timezone": "UTC",
            "min_wal_size": "2MB",
            "max_wal_size": "16MB",
            **self.settings,
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data / "data")]
                + ["-k", str(self.home)]
                + [f"--{name}={value}" for name, value in settings.items()],
                cwd=self.home,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **unprivileged(),
            )
        wait_until_ready(self.home, self.process, self.log)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: disconnect everybody and close the files; SIGQUIT: at once, as in a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def connect(self, **options: Any) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.home),
            user="postgres",
            autocommit=True,
            **{"dbname": "postgres", **options},
        )

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        """The first column of the rows that a query finds."""
        with self.connect() as connection:
            return [row[0] for row in connection.execute(sql, parameters)]

    def tell(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)


@contextlib.contextmanager
def cluster(
    *,
    megabytes: int | None = None,
    settings: Mapping[str, str] | None = None,
    replica_of: Cluster | None = None,
) -> Iterator[Cluster]:
    """A running server. ``megabytes``: on a disk of that size, for root on Linux only."""
    home = Path(tempfile.mkdtemp(prefix="chaos-"))
    data = home / "disk"
    data.mkdir()
    mounted = False
    try:
        if megabytes is not None:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", data], check=True
            )
            mounted = True
        child = unprivileged()
        if child:
            for path in (home, data):
                os.chown(path, child["user"], child["group"])
        made = Cluster(home, data, settings or {})
        if replica_of:
            made.copy(replica_of)
        else:
            made.create()
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        if mounted:
            for _ in range(20):
                if not subprocess.run(["umount", data], capture_output=True).returncode:
                    break
                time.sleep(0.5)
        shutil.rmtree(home, ignore_errors=True)
