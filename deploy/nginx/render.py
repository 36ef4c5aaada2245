#!/usr/bin/env python3
"""Put this installation's names into the template: ``render.py > /etc/nginx/conf.d/...``.

Each ${NAME} of the template is read from the environment; all of them must be set. Those with an
obvious value have a default, below. Only Python itself is needed.

UPSTREAM is where the application listens: addresses with commas between. By default one for each of
the web server's processes, so WEB_CONCURRENCY must be the same here as it is there.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "appointments.conf.template"

DEFAULTS = {
    "DH_GROUP": str(HERE / "ffdhe3072.pem"),
    "FHIR_REQUESTS_PER_SECOND": "300",
    "LOG_FOLDER": "/var/log/nginx",
    "PLAIN_LISTEN": "80",
    "TLS_LISTEN": "443",
}
PROCESSES = "2"  # as in gunicorn.conf.py


def render(values: Mapping[str, str]) -> str:
    """The configuration. Raises KeyError with the names that are missing, ValueError for a bad one.

    A value is a name, a path or an address: what could end a directive is refused.
    """
    template = TEMPLATE.read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", template))
    processes = int(values.get("WEB_CONCURRENCY") or PROCESSES)
    sockets = (f"unix:/run/appointments/web-{number}.sock" for number in range(1, processes + 1))
    defaults = {**DEFAULTS, "UPSTREAM": ",".join(sockets)}
    known = {**defaults, **{name: values[name] for name in wanted if values.get(name)}}
    if missing := sorted(wanted - known.keys()):
        raise KeyError(", ".join(missing))
    for name in sorted(wanted):
        for value in known[name].split(",") if name == "UPSTREAM" else [known[name]]:
            if not re.fullmatch(r"[A-Za-z0-9_./:\[\]@+-]+", value):
                raise ValueError(f"{name} is not a plain name, path or address.")
    template = re.sub(
        r"^.*\$\{UPSTREAM\}.*\n",
        lambda line: "".join(
            line[0].replace("${UPSTREAM}", address) for address in known["UPSTREAM"].split(",")
        ),
        template,
        flags=re.MULTILINE,
    )
    return re.sub(r"\$\{([A-Z_]+)\}", lambda found: known[found[1]], template)


if __name__ == "__main__":
    try:
        sys.stdout.write(render(os.environ))
    except KeyError as missing:
        sys.exit(f"Set {missing.args[0]} in the environment.")
    except ValueError as refused:
        sys.exit(str(refused))
