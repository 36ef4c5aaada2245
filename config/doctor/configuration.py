"""Whether the settings are those of an installation in use.

Django's own deployment checks and ours (config/checks.py) are asked, and the most common of them
told in an operator's words.
"""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network

from django.conf import settings
from django.core import checks

from config.doctor import commands
from config.doctor.findings import Answers, Finding, Installation

ENVIRONMENT = "the environment (/etc/appointments/environment)"
RESTART = commands.restart()
LEAST_TOKEN = 16  # characters
# Wider than any one organisation's network: half of the addresses of a class A network.
WIDEST = {4: 8, 6: 32}

# What is told in our words: id of a check, ours, what is wrong, what to do, what to paste.
IN_OUR_WORDS = {
    "security.W009": (
        "settings.secret-key",
        "DJANGO_SECRET_KEY is short, simple or an example: sessions of staff could be forged.",
        "Put a new one there, and restart. Everybody signs in again; nothing else depends on it.",
        "python3 -c 'import secrets; print(\"DJANGO_SECRET_KEY=\" + secrets.token_urlsafe(64))'",
    ),
    "security.W020": (
        "settings.hosts",
        "DJANGO_ALLOWED_HOSTS is empty: every request is refused.",
        "Put in the names by which staff and other organisations reach this installation, with "
        "commas between.",
        "",
    ),
}
# Told otherwise: by one of the checks here or beside.
TOLD_ELSEWHERE = {"config.W001", "config.E002", "config.E003", "security.W018"}


def settings_as_for_production(installation: Installation, now: datetime) -> Answers:
    """Debug mode by itself, as it explains the rest; else each thing that is not as it should."""
    if settings.DEBUG:
        yield Finding(
            id="settings.debug",
            what="DJANGO_DEBUG is on: pages of errors show patients and the program's insides, and "
            "much that protects staff and patients is off.",
            where=ENVIRONMENT,
            remedy="Take DJANGO_DEBUG out, and restart. Other settings are looked at then.",
            command=RESTART,
        )
        return
    for message in checks.run_checks(include_deployment_checks=True):
        if message.id not in TOLD_ELSEWHERE and not message.is_silenced():
            yield _told(message)
    if any(host in {"*", "."} for host in settings.ALLOWED_HOSTS):
        yield Finding(
            id="settings.hosts",
            what="DJANGO_ALLOWED_HOSTS allows every name: links could be made to lead elsewhere.",
            where=ENVIRONMENT,
            remedy="Name only what this installation is reached by, and restart.",
            command=RESTART,
        )
    if not settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE:
        yield Finding(
            id="settings.client-certificate",
            what="GPCONNECT_REQUIRE_CLIENT_CERTIFICATE is off: whoever reaches the application can "
            "ask as any organisation.",
            where=ENVIRONMENT,
            remedy="Take it out (it is on by itself), and restart.",
            command=RESTART,
        )
    yield from _metrics()


def _told(message: checks.CheckMessage) -> Finding:
    if message.id in IN_OUR_WORDS:
        name, what, remedy, command = IN_OUR_WORDS[message.id]
        return Finding(id=name, what=what, where=ENVIRONMENT, remedy=remedy, command=command)
    return Finding(
        id=f"settings.{message.id}",
        what=" ".join(str(message.msg).split()),
        where=ENVIRONMENT if message.obj is None else str(message.obj),
        remedy=" ".join((message.hint or "See docs/reference/configuration.md.").split()),
        command=commands.manage("check --deploy"),
    )


def _metrics() -> Iterator[Finding]:
    wide = [network for network in settings.METRICS_NETWORKS if _is_wide(network)]
    if wide:
        yield Finding(
            id="settings.metrics",
            what=f"METRICS_NETWORKS lets {', '.join(map(str, wide))} read the metrics: nearly "
            "everybody who reaches the application.",
            where=ENVIRONMENT,
            remedy="Name the network of Prometheus alone, or use METRICS_TOKEN, and restart.",
            command=RESTART,
        )
    if 0 < len(settings.METRICS_TOKEN) < LEAST_TOKEN:
        yield Finding(
            id="settings.metrics",
            what=f"METRICS_TOKEN has fewer than {LEAST_TOKEN} characters: it can be guessed.",
            where=ENVIRONMENT,
            remedy="Put a new one there and into Prometheus, and restart.",
            command="python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )


def _is_wide(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen < WIDEST[network.version]
