#!/usr/bin/env python3
"""Whether an installation serves, as it is met from outside: through nginx, by its names.

    sudo PYTHONPATH=/opt/appointments/current \\
        /opt/appointments/current/.venv/bin/python \\
        /opt/appointments/current/deploy/self_test.py [ODS ASID]

Reads the names, ports and certificates that deploy/install.sh wrote to /etc/appointments/nginx, and
asks this machine, whatever the DNS says of the names by now. Changes nothing; the trail of the
practice that is asked tells of it. Ends with 1 when something is not as it should be, and says what
to look at.
"""

import http.client
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from consumer import calls, interactions, tokens
from consumer.identity import Device, Identity, Organisation, Provider, User
from deploy.over_socket import OverSocket

SETTINGS = Path("/etc/appointments/nginx")
CLIENT = Path("/etc/appointments/tls/client.pem")
SOCKET = "/run/appointments/web.sock"
PATIENCE = 30  # seconds for the services to begin; nothing else is waited for
ME = Identity(
    asid="200000000115",
    organisation=Organisation("A1001", "Self-test of the installation"),
    user=User("1", "Self-test", "Of the installation"),
    device=Device("SELF-TEST", "Self-test", "1"),
)
LOOK = "journalctl -u appointments-web, and /var/log/nginx/appointments-error.log"


class Wrong(Exception):
    """Something is not as it should be; the text says what, and where to look."""


def read(path: Path) -> dict[str, str]:
    """The NAME=value lines of a file."""
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: value for name, _, value in lines if value and not name.startswith("#")}


class Local(http.client.HTTPSConnection):
    """To this machine, under a name that need not lead here yet."""

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.host)  # type: ignore[attr-defined]


def get(
    connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """The status and the text of an answer."""
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def wait_for(question: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """The first good answer, or after a while whatever there was instead."""
    end = time.monotonic() + PATIENCE
    while True:
        found: tuple[int, str] | OSError
        try:
            found = question()
            if found[0] == 200:
                return found
        except OSError as error:
            found = error
        if time.monotonic() > end:
            if isinstance(found, OSError):
                raise found
            return found
        time.sleep(0.5)


# ---------------------------------------------------------------- what is tried


def health(names: Mapping[str, str]) -> str:
    """Of the web server itself, as nginx passes this on to nobody."""
    host = {"Host": names["STAFF_NAME"]}
    status, text = wait_for(
        lambda: get(OverSocket(SOCKET, "localhost", timeout=20), "/health/ready", host)
    )
    if status != 200:
        raise Wrong(f"The application is not ready ({status}: {text[:300]}); {LOOK}.")
    return "ready: the database answers, and has the tables of this version"


def sign_in_page(names: Mapping[str, str]) -> str:
    """As a browser does: the page, then what it is styled with."""
    host, port = names["STAFF_NAME"], int(names["TLS_LISTEN"])
    trusted = trust(names["STAFF_CERTIFICATE"])
    status, page = wait_for(lambda: get(Local(host, port, context=trusted), "/admin/login/"))
    if status != 200 or 'name="password"' not in page:
        raise Wrong(f"There is no sign-in page at https://{host}/admin/login/ ({status}); {LOOK}.")
    files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"?#]+)', page)))
    for file in files:
        status, text = get(Local(host, port, context=trusted), file)
        if status != 200 or not text:
            raise Wrong(f"{file} is not served ({status}): was collectstatic run? {LOOK}.")
    if not files:
        raise Wrong("The sign-in page names no static files.")
    return f"shown, with its {len(files)} static files"


def stranger_at_the_fhir_door(names: Mapping[str, str]) -> str:
    host, port = names["FHIR_NAME"], int(names["TLS_LISTEN"])
    door = Local(host, port, context=trust(names["FHIR_CERTIFICATE"]))
    status, text = get(door, "/A20047/STU3/1/gpconnect/metadata")
    if status != 496 or "No client certificate" not in text:
        raise Wrong(f"Somebody without a certificate was answered {status} at {host}.")
    return "who has no certificate is turned away"


def metadata(names: Mapping[str, str]) -> str:
    """What another organisation asks first, of the practice that was named; a new book has none."""
    if not CLIENT.exists():
        return (
            "not tried, as no certificate of another organisation is here; "
            "docs/guides/install.md says how to try it"
        )
    host, port = names["FHIR_NAME"], int(names["TLS_LISTEN"])
    ods_code, asid = sys.argv[1:3] or ("NONE", "1")
    practice = Provider(f"https://{host}/{ods_code}/STU3/1/gpconnect", asid)
    plainly = {"Accept-Encoding": tokens.ABSENT}  # http.client unpacks nothing
    request = calls.prepare(ME, practice, interactions.READ_METADATA, headers=plainly)
    trusted = trust(names["FHIR_CERTIFICATE"])
    trusted.load_cert_chain(CLIENT, CLIENT.with_suffix(".key"))
    path = urlsplit(request.url).path
    status, text = get(Local(host, port, context=trusted), path, request.headers)
    try:
        body = json.loads(text)
        kind = body["resourceType"]
    except (ValueError, KeyError, TypeError):
        raise Wrong(
            f"The FHIR door's answer is no FHIR ({status}: {text[:200]}); {LOOK}."
        ) from None
    if (status, kind) == (200, "CapabilityStatement"):
        return f"the capability statement of version {body['software']['version']}"
    if status == 404 and "ORGANISATION_NOT_FOUND" in text and ods_code == "NONE":
        return "answered in FHIR: there is no practice yet, as in every new book"
    raise Wrong(f"The FHIR door answers {status}: {text[:300]}; {LOOK}.")


# ---------------------------------------------------------------- what that takes


def trust(certificate: str) -> ssl.SSLContext:
    """Trusts the system's authorities, and those that come with this certificate."""
    context = ssl.create_default_context()
    for path in (Path(certificate), Path(certificate).with_name("authority.pem")):
        if path.exists():
            context.load_verify_locations(path)
    return context


def main() -> int:
    names = read(SETTINGS)
    wrong = 0
    for what, trial in (
        ("application", health),
        ("sign-in page", sign_in_page),
        ("FHIR, a stranger", stranger_at_the_fhir_door),
        ("FHIR, metadata", metadata),
    ):
        try:
            print(f"   {what}: {trial(names)}.")
        except (Wrong, OSError, http.client.HTTPException) as error:
            print(f"   {what}: WRONG. {error}", file=sys.stderr)
            wrong += 1
    if wrong:
        print(f"   {wrong} of the self-test's questions went wrong.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
