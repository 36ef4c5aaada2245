"""Write what nginx is started with into a folder that its container reads.

The template's names (deploy/nginx/render.py) come from the environment. Nothing in the folder is
secret. It lies at FOLDER here and, if that is said as a second argument, elsewhere for nginx.
nginx needs no privileges with it: `nginx -c FOLDER/nginx.conf`.
"""

import os
import shutil
import sys
from pathlib import Path

from deploy.nginx.render import HERE, render

# Logs go to where a container's logs are collected; what it keeps for a moment, into memory.
MAIN = """\
daemon off;
pid /tmp/nginx.pid;
worker_processes auto;
error_log /dev/stderr error;
events { worker_connections 4096; }
http {
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    include FOLDER/appointments.conf;
}
"""
PORTS = {"TLS_LISTEN": "8443", "PLAIN_LISTEN": "8080"}  # those below 1024 ask for privileges


def write(folder: Path, *, seen_at: str, values: dict[str, str]) -> None:
    """Write the configuration of ``values``. Raises KeyError and ValueError, as ``render`` does."""
    here = {"DH_GROUP": f"{seen_at}/ffdhe3072.pem", "LOG_FOLDER": f"{seen_at}/log"}
    configuration = render({**PORTS, **values, **here})
    (folder / "log").mkdir(exist_ok=True)
    for name, stream in (("access", "stdout"), ("error", "stderr")):
        link = folder / "log" / f"appointments-{name}.log"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/dev/{stream}")
    shutil.copyfile(HERE / "ffdhe3072.pem", folder / "ffdhe3072.pem")
    (folder / "appointments.conf").write_text(configuration, encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN.replace("FOLDER", seen_at), encoding="utf-8")


def main(arguments: list[str]) -> None:
    if len(arguments) not in (1, 2):
        sys.exit(__doc__)
    try:
        write(Path(arguments[0]), seen_at=arguments[-1], values=dict(os.environ))
    except KeyError as missing:
        sys.exit(f"Set {missing.args[0]} in the environment.")
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
