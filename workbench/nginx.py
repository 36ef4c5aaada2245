"""Real nginx with the project's configuration, on loopback, with certificates made on the spot.

It runs without privileges, in front of whatever upstream it is given.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.nginx.render import render
from workbench.authority import Authority
from workbench.paths import ROOT
from workbench.postgresql import unprivileged

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
PROXY, FHIR, STAFF = "proxy.spine.example", "fhir.book.example", "staff.book.example"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Transport:
    """A running nginx, and what a client needs in order to talk to it."""

    folder: Path
    authority: Authority
    tls_port: int
    plain_port: int
    process: subprocess.Popen
    valid: object

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)


MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/appointments.conf;
}}
"""


# The application as nginx reaches it, without the doors in front of it.
DOORLESS = """
server {{
    listen 127.0.0.1:{port};
    access_log off;
    location / {{
        proxy_pass http://appointments;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }}
}}
"""


def values_of(folder, ports, *, upstream, requests_per_second):
    """What the template is to be filled in with."""
    tls_port, plain_port = ports
    return {
        "FHIR_NAME": FHIR,
        "FHIR_CERTIFICATE": f"{folder}/{FHIR}.pem",
        "FHIR_KEY": f"{folder}/{FHIR}.key",
        "STAFF_NAME": STAFF,
        "STAFF_CERTIFICATE": f"{folder}/{STAFF}.pem",
        "STAFF_KEY": f"{folder}/{STAFF}.key",
        "CLIENT_CA": f"{folder}/ca.pem",
        "CLIENT_CRL": f"{folder}/crl.pem",
        "DH_GROUP": f"{folder}/group.pem",
        "PROXY_FQDN": PROXY,
        "UPSTREAM": upstream,
        "TLS_LISTEN": f"127.0.0.1:{tls_port}",
        "PLAIN_LISTEN": f"127.0.0.1:{plain_port}",
        "LOG_FOLDER": str(folder),
        "FHIR_REQUESTS_PER_SECOND": str(requests_per_second),
    }


def configure(folder, authority, ports, *, upstream, requests_per_second, crl_days):
    """Write the configuration that is deployed, and the certificates that it names."""
    server = {"purpose": ExtendedKeyUsageOID.SERVER_AUTH}
    for name in (FHIR, STAFF):
        authority.issue(name, names=[name], file=name, **server)
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "crl.pem").write_bytes(authority.revocations(days=crl_days))
    # The configuration as it is; only the group lies where an unprivileged process may read it.
    shutil.copy(ROOT / "deploy" / "nginx" / "ffdhe3072.pem", folder / "group.pem")
    values = values_of(folder, ports, upstream=upstream, requests_per_second=requests_per_second)
    (folder / "appointments.conf").write_text(render(values))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))


@contextlib.contextmanager
def nginx(upstream, *, requests_per_second=1000, crl_days=(-1, 7)):
    """Run nginx in front of ``upstream``, with an authority and certificates of its own."""
    folder = Path(tempfile.mkdtemp(prefix="transport-"))
    try:
        authority = Authority(folder, "Sub authority", below=Authority(folder, "Root authority"))
        ports = tls_port, plain_port = free_port(), free_port()
        configure(
            folder,
            authority,
            ports,
            upstream=upstream,
            requests_per_second=requests_per_second,
            crl_days=crl_days,
        )
        with running(folder, tls_port) as process:
            yield Transport(
                folder,
                authority,
                tls_port,
                plain_port,
                process,
                authority.issue(PROXY, file="valid"),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def without_doors(upstream):
    """Run nginx with the ``upstream`` of the configuration alone; its address, without TLS."""
    folder, port = Path(tempfile.mkdtemp(prefix="transport-")), free_port()
    try:
        values = values_of(folder, (port, port), upstream=upstream, requests_per_second=1000)
        (block,) = re.findall(r"^upstream \w+ \{.*?^\}$", render(values), re.M | re.S)
        (folder / "appointments.conf").write_text(block + DOORLESS.format(port=port))
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        with running(folder, port):
            yield "127.0.0.1", port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(folder, port):
    """nginx with what is in the folder, as a process without privileges where it can be one."""
    child = unprivileged()
    if child:
        for path in (folder, *folder.iterdir()):
            os.chown(path, child["user"], child["group"])
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            [NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            **child,
        )
        try:
            wait_for(process, port, folder)
            yield process
        finally:
            process.terminate()
            process.wait(30)


def wait_for(process, port, folder):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = "".join(
                    path.read_text()
                    for path in (folder / "output", folder / "error.log")
                    if path.exists()
                )
                raise AssertionError(f"nginx did not start:\n{said}") from None
            time.sleep(0.05)


def context(authority=None, certificate=None, *, version=None, ciphers=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        made.load_verify_locations(cadata=authority.pem.decode())
    if certificate:
        made.load_cert_chain(certificate.chain, certificate.key)
    if version:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = version
    made.set_ciphers(f"{ciphers or 'DEFAULT'}:@SECLEVEL=0")
    return made
