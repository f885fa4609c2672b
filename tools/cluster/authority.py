"""Certificate authorities, and the certificates that the programs of a cluster show one another."""

import ipaddress
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from executor.embedded.loopback import HOST

DAYS = timedelta(days=30)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key as files, in PEM."""

    certificate: Path
    key: Path

    @classmethod
    def within(cls, folder: Path) -> "Pair":
        """The files as Kubernetes names them."""
        return cls(folder / "tls.crt", folder / "tls.key")


def new_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """A new key, written to the file for its owner's eyes."""
    key = ec.generate_private_key(ec.SECP256R1())
    file.touch(mode=0o600)
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half in PEM."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def new_authority(folder: Path, name: str) -> "Authority":
    """A new authority, with its files in the folder."""
    folder.mkdir(parents=True)
    pair = Pair.within(folder)
    key, subject = new_key(pair.key), _name(name)
    usage = _key_usage(signs=True)
    builder = _certificate(subject, subject, key.public_key(), x509.BasicConstraints(ca=True, path_length=None), usage)
    pair.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return Authority(pair)


@dataclass(frozen=True)
class Authority:
    """An authority of which both files are here."""

    pair: Pair

    def issue(self, folder: Path, name: str, *, group: str = "", hosts: tuple[str, ...] = ()) -> Pair:
        """A folder with tls.crt, tls.key and the authority's ca.crt, for a client, and a server on loopback."""
        folder.mkdir(parents=True, exist_ok=True)
        pair = Pair.within(folder)
        key = new_key(pair.key)
        usage = _key_usage(signs=False)
        leaf = x509.BasicConstraints(ca=False, path_length=None)
        builder = _certificate(_name(name, group), self._subject(), key.public_key(), leaf, usage)
        for extension in (_names(hosts), x509.ExtendedKeyUsage(_BOTH)):
            builder = builder.add_extension(extension, critical=False)
        signing = serialization.load_pem_private_key(self.pair.key.read_bytes(), password=None)
        signed = builder.sign(signing, hashes.SHA256())  # type: ignore[arg-type]  # an authority's key signs
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / "ca.crt").write_bytes(self.pair.certificate.read_bytes())
        return pair

    def _subject(self) -> x509.Name:
        with warnings.catch_warnings():  # Crossplane's own comes from a country called Earth
            warnings.simplefilter("ignore", UserWarning)
            return x509.load_pem_x509_certificate(self.pair.certificate.read_bytes()).subject


_BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    constraints: x509.BasicConstraints,
    usage: x509.KeyUsage,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + DAYS)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
    )


def _names(hosts: tuple[str, ...]) -> x509.SubjectAlternativeName:
    named = [x509.DNSName(host) for host in ("localhost", *hosts)]
    return x509.SubjectAlternativeName([*named, x509.IPAddress(ipaddress.ip_address(HOST))])


def _name(name: str, group: str = "") -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=False,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
