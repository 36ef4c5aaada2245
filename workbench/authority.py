"""A certification authority made on the spot: a root, one below it, and what they issue."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def subject(common_name: str, organisation: str = "Test") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def pem_of(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass(frozen=True)
class Issued:
    """A certificate with those above it, and its key, in files."""

    certificate: x509.Certificate
    chain: Path
    key: Path


class Authority:
    """Issues certificates; ``below`` is the authority that vouches for this one, if any."""

    def __init__(self, folder: Path, name: str, below: "Authority | None" = None) -> None:
        self.folder, self.name, self.below = folder, name, below
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.revoked: list[int] = []
        issuer = below or self
        self.certificate: x509.Certificate = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(below.certificate.subject if below else subject(name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - 400 * DAY)
            .not_valid_after(now() + 400 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        above = self.below.pem if self.below else b""
        return self.certificate.public_bytes(serialization.Encoding.PEM) + above

    def issue(
        self,
        common_name: str,
        *,
        organisation: str = "Test",
        names: Sequence[str] = (),
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        days: tuple[int, int] = (-1, 30),
        revoked: bool = False,
        file: str = "",
    ) -> Issued:
        """Issue a certificate valid for ``days`` from now; ``names`` are alternative DNS names."""
        key = rsa.generate_private_key(65537, 2048)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(common_name, organisation))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() + days[0] * DAY)
            .not_valid_after(now() + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        if revoked:
            self.revoked.append(certificate.serial_number)
        stem = file or f"{self.name}-{certificate.serial_number}"
        issued = Issued(certificate, self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        chain = certificate.public_bytes(serialization.Encoding.PEM) + self.pem
        issued.chain.write_bytes(chain)
        issued.key.write_bytes(pem_of(key))
        return issued

    def revocations(self, *, days: tuple[int, int] = (-1, 7)) -> bytes:
        """The revocation lists of this authority and of those above it, in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now() + days[0] * DAY)
            .next_update(now() + days[1] * DAY)
        )
        for serial in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(entry.revocation_date(now() - DAY).build())
        own = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return own + (self.below.revocations(days=days) if self.below else b"")
