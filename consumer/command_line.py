"""What the commands take alike: who calls, whom to trust, how long to wait."""

import argparse
import ssl

from consumer import VERSION
from consumer.identity import Device, Identity, Organisation, User
from consumer.transport import Limits, tls


def add_identity(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say who calls."""
    group = parser.add_argument_group("who calls")
    add_organisation(group, name="Trial call centre")
    add = group.add_argument
    add("--telephone", default="0113 496 0111", help="its number, for bookings")
    add("--user", default="1", metavar="ID", help="your system's id of whoever uses it")
    add("--family", default="Handler", metavar="NAME", help="their family name")
    add("--given", default="Jane", metavar="NAME", help="their given name")
    add("--sds-user", default="UNK", metavar="ID", help="their SDS user id (default: UNK)")
    add("--sds-role", default="UNK", metavar="ID", help="their role profile id (default: UNK)")


def add_organisation(group: argparse._ActionsContainer, *, name: str) -> None:
    """Add the arguments that say whose system calls; ``name`` if none is given."""
    add = group.add_argument
    add("--from-asid", default="200000000115", metavar="ASID", help="of your system (Ssp-From)")
    add("--ods", default="A1001", help="ODS code of your organisation (default: A1001)")
    add("--organisation", default=name, metavar="NAME", help="its name")
    add("--type", default="", help="its type, such as urgent-care (default: none is sent)")


def add_transport(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of TLS and time."""
    group = parser.add_argument_group("connections")
    add = group.add_argument
    add("--through", default="", metavar="URL", help="a proxy to put before the service root")
    add_tls(group)
    add("--connect", type=float, default=3, metavar="SECONDS", help="to connect (default: 3)")
    add("--seconds", type=float, default=10, help="for a whole answer (default: 10)")


def add_tls(group: argparse._ActionsContainer) -> None:
    """Add the arguments that ``tls_of`` reads."""
    add = group.add_argument
    add("--certificate", default="", metavar="FILE", help="of your system for TLS (PEM)")
    add("--key", default="", metavar="FILE", help="the certificate's key (PEM)")
    add("--authority", default="", metavar="FILE", help="whom to trust (PEM; default: the system)")


def identity_of(given: argparse.Namespace) -> Identity:
    """Who calls, as the command line says."""
    return Identity(
        given.from_asid,
        Organisation(given.ods, given.organisation, given.type, given.telephone),
        User(
            given.user,
            given.family,
            given.given,
            sds_user_id=given.sds_user,
            sds_role_profile_id=given.sds_role,
        ),
        Device("gp-connect-consumer", "GP Connect consumer", VERSION),
    )


def limits_of(given: argparse.Namespace) -> Limits:
    """How long to wait."""
    return Limits(connect=given.connect, total=given.seconds)


def tls_of(given: argparse.Namespace) -> ssl.SSLContext:
    """Own certificate, and whom to trust."""
    return tls(certificate=given.certificate, key=given.key, authority=given.authority)
