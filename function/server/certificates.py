"""The server's certificates, looked at before each handshake, so that new ones are shown without a restart.

Crossplane renews them in a Secret, and the kubelet puts a Secret's files in place all at once.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
from crossplane.function import logging

log = logging.get_logger()


@dataclass(frozen=True)
class Files:
    """What lies in the folder: the server's certificate and its key, and whose signature callers need."""

    certificate: bytes
    key: bytes
    authority: bytes

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The files as gRPC takes them."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


class Certificates:
    """The tls.crt, tls.key and ca.crt of a folder; raises OSError or ValueError where they cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown = _read(folder)
        self._told = ""
        _check(folder, self._shown)

    def credentials(self) -> grpc.ServerCredentials:
        """What callers are shown and asked for. gRPC calls `renewed` before each handshake, from a thread."""
        return grpc.dynamic_ssl_server_credentials(
            self._shown.configuration(),
            self.renewed,  # type: ignore[arg-type]  # gRPC takes None for no change, its stubs do not say so
            require_client_authentication=True,
        )

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The files, if they are others than those shown. Those that cannot be used are told once and pass by."""
        try:
            found = _read(self._folder)
            if found == self._shown:
                return None
            _check(self._folder, found)
        except (OSError, ValueError) as error:
            self._tell(str(error))
            return None
        self._shown, self._told = found, ""
        log.info("certificates renewed")
        return found.configuration()

    def _tell(self, why: str) -> None:
        if why != self._told:
            log.warning("certificates not renewed: the last ones are shown on", folder=str(self._folder), error=why)
        self._told = why


def _read(folder: Path) -> Files:
    return Files(*((folder / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt")))


def _check(folder: Path, found: Files) -> None:
    """Refuse what gRPC would: it only says so in a log of its own, at each handshake.

    Python's ssl reads files alone, so that they are read once more: they may have changed while it did.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key", password="")
    context.load_verify_locations(cadata=found.authority.decode())
    if _read(folder) != found:
        raise ValueError("the files change while they are read")
