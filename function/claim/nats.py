"""What a claim's `natsUrl` says: the servers, and where their monitoring endpoint is."""

import re
from dataclasses import dataclass

SCHEMES = ("nats", "tls")
CLIENT_PORT = 4222
MONITORING_PORT = 8222
HIGHEST_PORT = 65535

_SERVER = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
)
_SERVICE = re.compile(r"(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc(?:\.(?P<domain>[a-z0-9.-]+))?")
_ENDPOINT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Servers:
    """The servers of one NATS cluster, each as `host` or `host:port`."""

    scheme: str
    addresses: tuple[str, ...]

    @property
    def url(self) -> str:
        """The servers as URLs, separated by commas, each with its scheme."""
        return ",".join(f"{self.scheme}://{address}" for address in self.addresses)

    @property
    def services(self) -> tuple[tuple[str, int], ...]:
        """The namespace and the port of each server that is a Service of this cluster."""
        split = (address.partition(":") for address in self.addresses)
        found = ((_SERVICE.fullmatch(host), port) for host, _, port in split)
        return tuple((service["namespace"], int(port or CLIENT_PORT)) for service, port in found if service)

    @property
    def monitoring_endpoint(self) -> str | None:
        """The `host:port` of the headless Service that serves monitoring, where the first server is a Service."""
        found = _SERVICE.fullmatch(self.addresses[0].partition(":")[0])
        if not found:
            return None
        service = found["service"].removesuffix("-headless")
        domain = found["domain"] or "cluster.local"
        return f"{service}-headless.{found['namespace']}.svc.{domain}:{MONITORING_PORT}"


def parse(url: str) -> Servers:
    """Read `nats://host:port,...`; ValueError says what is wrong, never the URL itself: it may hold a password."""
    if "@" in url:
        raise ValueError("must not contain credentials")
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ValueError("must begin with nats:// or tls://")
    addresses = tuple(address.removeprefix(f"{scheme}://") for address in rest.split(","))
    if not all(_is_server(address) for address in addresses):
        raise ValueError(f"must name each server as host or host:port, separated by commas, all with {scheme}://")
    return Servers(scheme, addresses)


def endpoint(text: str) -> str:
    """Return the text if it is `host:port`, which is how KEDA wants the monitoring endpoint."""
    found = _ENDPOINT.fullmatch(text)
    if not found or not _is_port(found["port"]):
        raise ValueError("must be host:port of the NATS monitoring endpoint, without a scheme")
    return text


def _is_server(address: str) -> bool:
    found = _SERVER.fullmatch(address)
    return bool(found) and _is_port(found["port"] or CLIENT_PORT) if found else False


def _is_port(digits: str | int) -> bool:
    return 0 < int(digits) <= HIGHEST_PORT
