"""An image that was built here, and containers of it as far as a machine without any can run them.

A container is the image's root file system, mounted read-only, with its own numbers of processes,
as the image's user and with the image's environment and entry; volumes are folders mounted over it.
Its network is the machine's.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.paths import ROOT

BUILD = ROOT / "deploy" / "image" / "build.sh"
ENOUGH_SECONDS = 60


@dataclass(frozen=True)
class Image:
    """The archive, what it says of itself, and its files."""

    archive: Path
    config: Mapping[str, Any]
    root: Path
    seconds: float

    @property
    def owner(self) -> int:
        return int(self.config["User"].split(":")[0])


def build(folder: Path) -> tuple[Path, float]:
    """Build it from what is committed; the archive, and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [BUILD, folder],
        env={**os.environ, "PYTHON": str(ROOT / ".venv" / "bin" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = folder.glob("*.tar")
    return archive, time.monotonic() - began


def blobs(archive: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[bytes]]]:
    """The manifest, the configuration and the layers of an OCI archive, as its index names them."""
    with tarfile.open(archive) as packed:

        def blob(digest: str) -> bytes:
            found = packed.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert found
            return found.read()

        index = packed.extractfile("index.json")
        assert index
        for each in json.load(index)["manifests"]:
            manifest = json.loads(blob(each["digest"]))
            config = json.loads(blob(manifest["config"]["digest"]))
            yield manifest, config, [blob(layer["digest"]) for layer in manifest["layers"]]


def unpack(archive: Path, root: Path) -> dict[str, Any]:
    """Unpack the image's layers, with owners and modes; gives its configuration."""
    ((_, config, layers),) = blobs(archive)
    root.mkdir()
    for layer in layers:
        subprocess.run(
            ["tar", "--extract", "--gzip", "--numeric-owner", "--preserve-permissions"]
            + ["--directory", root],
            input=layer,
            check=True,
        )
    root.chmod(0o755)
    settings: dict[str, Any] = config["config"]
    return settings


# Mounts are this process's own, and go with it. What the image does not bring, a container's
# machinery gives: devices, /proc, and the folders to be mounted on.
INSIDE = """
set -e
theirs=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount --bind "$0" "$0"
mount -o remount,bind,ro "$0"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$0/tmp"
{volumes}
cd /
exec env PATH="$theirs" \
    /usr/bin/setpriv --no-new-privs /usr/sbin/chroot --userspec={user} --groups= "$0" {command}
"""


@dataclass
class Container:
    """How an image is to be run: its environment and volumes, by where they are seen inside."""

    image: Image
    environment: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, Path] = field(default_factory=dict)

    def having(self, **environment: str) -> "Container":
        """The same with more in its environment."""
        return Container(self.image, {**self.environment, **environment}, self.volumes)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        config = self.image.config
        volumes = []
        for inside, outside in self.volumes.items():
            (self.image.root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
            volumes.append(f'mount --bind {shlex.quote(str(outside))} "$0{inside}"')
        script = INSIDE.format(
            volumes="\n".join(volumes),
            user=config["User"],
            command=shlex.join([*config["Entrypoint"], *words]),
        )
        return subprocess.Popen(
            ["/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child"]
            + ["/bin/sh", "-c", script, str(self.image.root)],
            env={**dict(each.split("=", 1) for each in config["Env"]), **self.environment},
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=5 * ENOUGH_SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, said)

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}:\n{done.stdout}"
        return str(done.stdout)

    @contextlib.contextmanager
    def running(self, *words: str) -> Iterator["Running"]:
        """Run it until the end of the block. What it wrote is in the message if that fails."""
        with tempfile.TemporaryFile("w+") as log:
            process = self.start(*words, stdout=log, stderr=subprocess.STDOUT)
            running = Running(process, log)
            try:
                yield running
            except BaseException as failure:
                failure.add_note(f"{words} wrote:\n{running.output()[-5000:]}")
                raise
            finally:
                process.kill()
                process.wait()


@dataclass
class Running:
    process: subprocess.Popen[str]
    log: Any

    def output(self) -> str:
        self.log.seek(0)
        return str(self.log.read())

    def listens(self) -> int:
        """Its first process, if that has said what it does when it is told to stop; else 0."""
        pid = self.process.pid
        for first in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            status = Path(f"/proc/{first}/status").read_text()
            caught = int(re.findall(r"^SigCgt:\s+(\w+)", status, re.M)[0], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                return int(first)
        return 0

    def stop(self) -> float:
        """Stop it as `docker stop` does, by a signal to its first process; the seconds it took."""
        until(lambda: bool(self.listens()), self)
        began = time.monotonic()
        os.kill(self.listens(), signal.SIGTERM)
        self.process.wait(ENOUGH_SECONDS)
        return time.monotonic() - began


def until(is_so: Callable[[], bool], running: Running | None = None) -> None:
    """Wait for something that is sure to come."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not is_so():
        assert running is None or running.process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
