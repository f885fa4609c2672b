"""A certificate authority for one test, and what it signs."""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def _key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Authority:
    """Signs certificates for `localhost`, which end after so many hours, or ended before."""

    name: str
    key: Key = field(default_factory=_key)
    hours: float = 1

    @property
    def certificate(self) -> x509.Certificate:
        """The authority's own."""
        return self._sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))

    def issue(self, folder: Path) -> Path:
        """A folder with tls.crt, tls.key and ca.crt, as a server is given it."""
        folder.mkdir(parents=True)
        key = _key()
        (folder / "tls.crt").write_bytes(
            _pem(self._sign("localhost", key, x509.BasicConstraints(ca=False, path_length=None)))
        )
        (folder / "tls.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "ca.crt").write_bytes(_pem(self.certificate))
        return folder

    def _sign(self, name: str, key: Key, constraints: x509.BasicConstraints) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=self.hours))
            .add_extension(constraints, critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Mounted:
    """A folder as the kubelet mounts a Secret: each file is a link through one to the newest of its folders."""

    folder: Path
    number: int = 0

    def swap(self, authority: Authority) -> Path:
        """Put new files in place, all at once, and remove the old ones; the new ones' own folder."""
        self.number += 1
        before, after = (self.folder / f"..{number}" for number in (self.number - 1, self.number))
        authority.issue(after)
        (self.folder / "..data_tmp").symlink_to(after.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        if before.exists():
            shutil.rmtree(before)
        for file in after.iterdir():
            if not (self.folder / file.name).exists():
                (self.folder / file.name).symlink_to(Path("..data") / file.name)
        return after
