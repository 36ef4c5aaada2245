"""A bare Debian 12 to install into: a root file system of its own, with processes of its own.

mmdebstrap makes it once, into var/installs, where Debian's packages and Python's are kept too. The
network is this machine's: ports must be free here, and there is no systemd.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.paths import ROOT

KEPT = ROOT / "var" / "installs"
MIRROR = "http://deb.debian.org/debian"
SOURCES = (
    f"deb {MIRROR} bookworm main",
    f"deb {MIRROR} bookworm-updates main",
    f"deb {MIRROR}-security bookworm-security main",
)


@dataclass(frozen=True)
class Bare:
    """The file system at ``root``, and the process inside that all others are children of."""

    root: Path
    process: int

    def run(
        self, *command: str, check: bool = True, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as its root, in its topmost folder."""
        done = subprocess.run(
            [
                *("nsenter", "--target", str(self.process), "--mount", "--pid", "--root"),
                *(f"--wd={self.root}", "env", "--ignore-environment"),
                *("PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"),
                *("LC_ALL=C.UTF-8", *command),
            ],
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
            input=input,
        )
        if check and done.returncode:
            pytest.fail(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done


def needed() -> None:
    """Skip with a sentence where no root file system can be made."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a root file system: sudo make installs")
    for program in ("mmdebstrap", "nsenter", "unshare"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt-get install mmdebstrap util-linux)")


def archive() -> Path:
    """The bare system, made if it is not kept."""
    path = KEPT / "debian-12.tar"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.tar")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", partial, *SOURCES],
            check=True,
            timeout=1200,
        )
        partial.rename(path)
    return path


def wheels() -> Path:
    """The packages of requirements.txt for that system's Python, fetched if they are not kept."""
    pinned = ROOT / "requirements.txt"
    folder = KEPT / f"wheels-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary", ":all:", "--python-version", "3.11", "--require-hashes"),
                *("--requirement", pinned, "--dest", partial),
            ],
            check=True,
            timeout=1200,
        )
        partial.rename(folder)
    return folder


@contextlib.contextmanager
def bare_debian() -> Iterator[Bare]:
    """A fresh one; when it is left, its processes end and it is removed."""
    needed()
    packages = KEPT / "packages"
    tar = archive()
    (packages / "partial").mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="bare-debian-"))
    root.chmod(0o755)
    outer = None
    try:
        subprocess.run(["tar", "-xf", tar, "-C", root, "--exclude=./dev/*"], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        mounts = (
            f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
            f" && mount -t tmpfs tmpfs {root}/run"
            f" && mount --bind {packages} {root}/var/cache/apt/archives"
            # Its shell is the first process there, and lets nobody linger who has ended.
            f" && exec chroot {root} bash -c 'echo ready; while :; do sleep 1000 & wait; done'"
        )
        outer = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *("--pid", "--fork", "--kill-child", "bash", "-c", mounts),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text()
        yield Bare(root, int(children.split()[0]))
    finally:
        if outer:
            outer.send_signal(signal.SIGKILL)  # and its children with it
            outer.wait(30)
        # The mounts went with their namespace; nothing of this machine is below.
        assert not any(str(root) in line for line in Path("/proc/mounts").read_text().splitlines())
        shutil.rmtree(root)


def tree(machine: Bare, place: str, *, version: str = "") -> None:
    """Put what is committed, with what is not yet, into a folder of the system."""
    folder = machine.root / place.lstrip("/")
    folder.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = b"\0".join(
        name for name in listed.stdout.split(b"\0") if name and (ROOT / name.decode()).exists()
    )
    packed = subprocess.run(
        ["tar", "-c", "--null", "--files-from=-"],
        cwd=ROOT,
        input=files,
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    if version:
        edit(folder / "config" / "__init__.py", 'VERSION = "', f'VERSION = "{version}"  # was "')


def edit(path: Path, before: str, after: str) -> None:
    """Replace what stands once in a file."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after), encoding="utf-8")


def files_below(machine: Bare, *tops: str) -> dict[str, str]:
    """Every path with its mode, owner, and what it holds."""
    found = {}
    for top in tops:
        start = machine.root / top.lstrip("/")
        for path in [start, *start.rglob("*")] if start.exists() else []:
            known = path.lstat()
            if path.is_symlink():
                held = f"-> {path.readlink()}"
            elif path.is_file():
                held = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                held += f" {known.st_mtime_ns}"
            else:
                held = ""
            name = f"/{path.relative_to(machine.root)}"
            found[name] = f"{known.st_mode:o} {known.st_uid}:{known.st_gid} {held}"
    return found
