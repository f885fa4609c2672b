"""Where this machine reaches itself."""

import socket


def loopbacks() -> list[str]:
    """The loopback addresses, as URLs have them; that of IPv6 only where there is one."""
    with socket.socket(socket.AF_INET6) if socket.has_ipv6 else socket.socket() as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return ["127.0.0.1"]
    return ["127.0.0.1", "[::1]"]
