#!/usr/bin/env python3
"""What the image is started with: one word for each of its jobs. Only Python itself is needed.

    web               gunicorn, on sockets in RUNTIME_DIRECTORY
    seal              numbers and seals the audit trail, until stopped
    schedule          what systemd's timers run elsewhere, at the same times (schedule.py)
    migrate           the schema of this version and the rights of the serving role, as the owner
    manage ...        any command of manage.py
    health ...        asks a web server or a scheduler beside this process (health.py)
    nginx FOLDER      writes nginx's configuration there (nginx.py)

A secret may be in a file instead of the environment: NAME_FILE says where.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

WORDS = {
    "web": ("-m", "gunicorn", "config.wsgi"),
    "seal": ("manage.py", "seal_audit", "--loop"),
    "schedule": ("-m", "deploy.image.schedule"),
    "migrate": ("-m", "deploy.image.migrate"),
    "manage": ("manage.py",),
    "health": ("-m", "deploy.image.health"),
    "nginx": ("-m", "deploy.image.nginx"),
}
# Settings that are secrets, and the owner's DATABASE_URL.
SECRETS = (
    "DJANGO_SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_REPLICA_URL",
    "AUDIT_HEAD_KEYS",
    "METRICS_TOKEN",
    "EMAIL_HOST_PASSWORD",
)


def with_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the secrets that it names files of. Raises ValueError, OSError."""
    known = dict(environment)
    for name in SECRETS:
        file = known.pop(f"{name}_FILE", "")
        if not file:
            continue
        if known.get(name):
            raise ValueError(f"{name} and {name}_FILE are both set.")
        secret = Path(file).read_text(encoding="utf-8").strip()
        if not secret:
            raise ValueError(f"{file}, which {name}_FILE names, is empty.")
        known[name] = secret
    return known


def main(arguments: list[str]) -> None:
    word, *rest = arguments or ["--help"]
    if word not in WORDS:
        sys.exit(__doc__)
    try:
        environment = with_secrets(os.environ)
    except (ValueError, OSError) as error:
        sys.exit(f"A secret cannot be read: {error}")
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, *WORDS[word], *rest], environment)


if __name__ == "__main__":
    main(sys.argv[1:])
