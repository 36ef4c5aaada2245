"""The folders and files of this machine: is there room, may we write, may others read?"""

import os
import pwd
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import DatabaseError, connection, transaction

from config.doctor import commands
from config.doctor.findings import Answers, Finding, Installation, NotLooked
from config.doctor.units import environment_of

LEAST_FREE, LEAST_SHARE = 1 << 30, 0.05  # bytes, and of the whole disk
BACKUPS = Path("/var/lib/appointments/backups")
DEBIANS_DATABASES = Path("/var/lib/postgresql")


def folders(installation: Installation) -> dict[str, Path]:
    """What web writes into, by setting: as it was told here, else as web's unit says."""
    of_web = environment_of("appointments-web", installation)
    uploads: Any = storages["uploads"]
    set_here = {
        "AUDIT_SPOOL": settings.AUDIT_SPOOL,
        "UPLOADS_FOLDER": uploads.location,
        "RETURNS_FOLDER": settings.RETURNS_FOLDER,
    }
    return {
        name: Path(set_here[name] if os.environ.get(name) else of_web.get(name, set_here[name]))
        for name in set_here
    }


def is_root() -> bool:
    return os.geteuid() == 0


def there(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def folders_writable(installation: Installation, now: datetime) -> Answers:
    """The service can write into them, and nobody else can read what is in them."""
    owner = _service(installation)
    if is_root() and owner is None:
        yield NotLooked(
            "whether the service may write into its folders",
            f"there is no user {installation.user}; run this as the service's user",
        )
    for name, folder in folders(installation).items():
        nearest = there(folder)
        found = nearest.stat()
        if is_root():
            writable = owner is None or found.st_uid == owner
        else:
            writable = os.access(nearest, os.W_OK | os.X_OK)
        if not writable:
            yield Finding(
                id="files.writable",
                what=f"The service cannot write into the folder of {name}"
                + ("." if folder == nearest else ": it is not there, and cannot be made."),
                where=str(nearest),
                remedy="Make it the service's own.",
                command=f"install -d -m 700 -o {installation.user} -g {installation.user} {folder}",
            )
        if folder == nearest and found.st_mode & 0o077:
            yield Finding(
                id="files.modes",
                what=f"Others on this machine may look into the folder of {name}, which holds what "
                "is known of patients.",
                where=f"{folder}, mode {found.st_mode & 0o7777:04o}",
                remedy="Take away what others may do there.",
                command=f"chmod 700 {folder}",
            )


def _service(installation: Installation) -> int | None:
    try:
        return pwd.getpwnam(installation.user).pw_uid
    except KeyError:
        return None


def disk_space(installation: Installation, now: datetime) -> Answers:
    """There is room where something is written: once for each disk."""
    places = {**folders(installation), "backups": BACKUPS}
    databases = _database_folder()
    if databases is not None:
        places["the database"] = databases
    seen = set[int]()
    for name, folder in places.items():
        try:
            nearest = there(folder)
            disk = nearest.stat().st_dev
            usage = shutil.disk_usage(nearest)
        except PermissionError:
            yield NotLooked(f"disk space of {folder}", "it needs root")
            continue
        if disk in seen:
            continue
        seen.add(disk)
        if usage.free < LEAST_FREE or usage.free < LEAST_SHARE * usage.total:
            yield Finding(
                id="files.disk",
                what=f"The disk is nearly full: {usage.free / (1 << 30):.1f} GiB of "
                f"{usage.total / (1 << 30):.1f} are free. When it is full, bookings are refused "
                "and an outage can no longer be written down.",
                where=f"{folder} ({name})",
                remedy="See what fills it, and make room: old backups, logs, or a larger disk.",
                command=f"du -xh --max-depth=2 {nearest} | sort -h | tail",
            )


def _database_folder() -> Path | None:
    """Where PostgreSQL keeps its files, if it is on this machine."""
    host = str(settings.DATABASES["default"].get("HOST", ""))
    if connection.vendor != "postgresql":
        return there(Path(settings.DATABASES["default"]["NAME"]))
    if host not in {"", "localhost", "127.0.0.1", "::1"} and not host.startswith("/"):
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")  # few may ask
            return Path(cursor.fetchone()[0])
    except DatabaseError:
        return DEBIANS_DATABASES


# ---------------------------------------------------------------- secrets

# Which of them, and what others may not do with it: the group of the service reads one.
SECRETS = {"environment": 0o027, "owner": 0o077, "sealing": 0o077}


def secrets_kept(installation: Installation, now: datetime) -> Answers:
    """Files with secrets are for those who need them."""
    if not (installation.configuration / "environment").exists():
        yield NotLooked(
            "modes of the environment file", f"there is none in {installation.configuration}"
        )
    files = {installation.configuration / name: mode for name, mode in SECRETS.items()}
    if settings.ELSEWHERE_KEY:
        files[Path(settings.ELSEWHERE_KEY)] = 0o027
    for path, closed in files.items():
        yield from _secret(path, closed)


def _secret(path: Path, closed: int) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if mode & closed:
        allowed = 0o777 & ~closed & 0o640
        yield Finding(
            id="files.secrets",
            what="Others on this machine may read or change a file with secrets.",
            where=f"{path}, mode {mode & 0o7777:04o}",
            remedy="Take that away. Whoever could read it knows them: replace them if there are "
            "people or programs on this machine that should not (docs/runbook.md, Lost secret).",
            command=f"chmod {allowed:o} {path}",
        )


def keys_of_the_sealer(installation: Installation, now: datetime) -> Answers:
    """What signs the ends of the trail is not where web reads it."""
    path = installation.configuration / "environment"
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if any(line.strip().startswith("AUDIT_HEAD_KEYS=") for line in lines):
        yield Finding(
            id="files.head-keys",
            what="AUDIT_HEAD_KEYS stands where web reads it: whoever takes over web could forge "
            "the ends of the audit trail.",
            where=str(path),
            remedy="Let it stand in the sealer's own file, of root, mode 0600, and restart. As web "
            "knew it, put a new key in front of it (docs/runbook.md, The witness of the trail).",
            command=f"install -m 600 /dev/null {installation.configuration / 'sealing'}\n"
            + commands.restart("web", "seal"),
        )
