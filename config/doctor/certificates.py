"""How many days the certificates have left: ours, and those by which we know others."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from config.doctor.findings import Answers, Finding, Installation, NotLooked

FEWEST_DAYS = 21
FEWEST_DAYS_OF_LISTS = 1  # revocation lists are made anew every few days
DIRECTIVE = re.compile(
    r"^\s*(ssl_certificate|ssl_client_certificate|ssl_trusted_certificate|ssl_crl"
    r"|ssl_certificate_key)\s+\"?([^\s\";$]+)\"?\s*;",
    re.MULTILINE,
)
PART = re.compile(r"-----BEGIN (CERTIFICATE|X509 CRL)-----.+?-----END \1-----", re.DOTALL)
ASKED = {"CERTIFICATE": ("x509", "-enddate"), "X509 CRL": ("crl", "-nextupdate")}
WHOSE = {
    "ssl_certificate": "nginx's own certificate",
    "ssl_client_certificate": "the authority of those who call us",
    "ssl_trusted_certificate": "the authority of those who call us",
    "ssl_crl": "the revocation list of those who call us",
}


def days_left(installation: Installation, now: datetime) -> Answers:
    """None has ended, and none will within three weeks."""
    files, keys = _of_nginx(installation)
    if not files:
        yield NotLooked(
            "nginx's certificates", f"no file in {installation.nginx} that can be read names any"
        )
    for name in ("ELSEWHERE_CERTIFICATE", "ELSEWHERE_AUTHORITY"):
        if path := getattr(settings, name):
            files[Path(path)] = name
    for path, whose in files.items():
        yield from _file(path, whose, now)
    for key in keys:
        yield from _key(key)


def _of_nginx(installation: Installation) -> tuple[dict[Path, str], set[Path]]:
    """The files of certificates and keys that nginx's configuration names."""
    found, keys = dict[Path, str](), set[Path]()
    for pattern in ("*.conf", "conf.d/*.conf", "sites-enabled/*"):
        for path in sorted(installation.nginx.glob(pattern)):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            for directive, value in DIRECTIVE.findall(text):
                file = installation.nginx / value  # as nginx reads it: what is absolute stays so
                if directive == "ssl_certificate_key":
                    keys.add(file)
                else:
                    found[file] = WHOSE[directive]
    return found, keys


def _file(path: Path, whose: str, now: datetime) -> Answers:
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except PermissionError:
        yield NotLooked(f"{whose}: {path}", "it needs root")
        return
    except OSError as error:
        yield Finding(
            id="certificates.missing",
            what=f"{whose[0].upper()}{whose[1:]} is not there: {error.strerror}. nginx does not "
            "start again without it.",
            where=str(path),
            remedy="Put it there, or name the right file in nginx's configuration.",
            command="nginx -t",
        )
        return
    ends = list[tuple[datetime, str, str]]()
    for found in PART.finditer(text):
        try:
            ends.append((*_end(found[1], found[0]), found[1]))
        except FileNotFoundError:
            yield NotLooked(f"{whose}: {path}", "openssl is not installed")
            return
        except (subprocess.SubprocessError, ValueError):
            ends.append((now, "part of it cannot be read", found[1]))
    if ends:
        yield from _soonest(path, whose, min(ends), now)


def _soonest(path: Path, whose: str, end: tuple[datetime, str, str], now: datetime) -> Answers:
    moment, subject, kind = end
    days = (moment - now).total_seconds() / 86_400
    fewest = FEWEST_DAYS if kind == "CERTIFICATE" else FEWEST_DAYS_OF_LISTS
    if days >= fewest:
        return
    when = f"ends in {days:.0f} days, on {moment:%d %B %Y}" if days > 0 else "has ended"
    what = f"{whose[0].upper()}{whose[1:]} {when} ({subject})."
    if kind == "CERTIFICATE":
        yield Finding(
            id="certificates.end",
            what=what,
            where=str(path),
            remedy="Ask for a new one of the same names where this one came from, put it into "
            "the same file, and reload nginx (restart web for what ELSEWHERE_ names).",
            command=f"openssl x509 -in {path} -noout -subject -issuer -enddate\n"
            "nginx -t && systemctl reload nginx",
        )
    else:
        yield Finding(
            id="certificates.list",
            what=f"{what} Once it has, nginx lets no other organisation in.",
            where=str(path),
            remedy="Fetch the new list of each authority into that file, and reload nginx; "
            "a timer should do that every day.",
            command="nginx -t && systemctl reload nginx",
        )


def _end(kind: str, text: str) -> tuple[datetime, str]:
    """When it ends, and whose it is."""
    program, asked = ASKED[kind]
    name = "-subject" if kind == "CERTIFICATE" else "-issuer"
    told = subprocess.run(
        ["openssl", program, "-noout", asked, name, "-nameopt", "RFC2253"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout
    values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    end = values.get("notAfter") or values.get("nextUpdate") or ""
    moment = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    return moment, (values.get("subject") or values.get("issuer") or "").strip()


def _key(path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:  # a missing one is nginx's to tell; one that is out of reach is well kept
        return
    if mode & 0o007:
        yield Finding(
            id="certificates.key",
            what="Others on this machine may read the key of nginx's certificate.",
            where=f"{path}, mode {mode & 0o7777:04o}",
            remedy="Take that away; ask for a new certificate with a new key if somebody could.",
            command=f"chmod 600 {path}",
        )
