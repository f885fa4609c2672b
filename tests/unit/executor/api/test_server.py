"""Where the API listens."""

import socket

import pytest

from executor.api.server import listening
from tests.loopbacks import loopbacks


@pytest.mark.parametrize("host", loopbacks())
def test_the_service_listens_on_every_address_of_the_machine(host):
    with listening(0) as listener:
        socket.create_connection((host.strip("[]"), listener.getsockname()[1]), timeout=5).close()


def test_without_ipv6_the_service_listens_on_every_address_of_ipv4(monkeypatch):
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listening(0) as listener:
        assert (listener.family, listener.getsockname()[0]) == (socket.AF_INET, "0.0.0.0")
