"""What a NATS URL says, and which are refused."""

import pytest

from function.claim import nats

HEADLESS = "nats-headless.nats.svc.cluster.local:8222"


@pytest.mark.parametrize(
    ("url", "normal", "monitoring"),
    [
        ("nats://nats.nats.svc:4222", "nats://nats.nats.svc:4222", HEADLESS),
        ("nats://nats.nats.svc", "nats://nats.nats.svc", HEADLESS),
        ("tls://nats.nats.svc.cluster.local:4222", "tls://nats.nats.svc.cluster.local:4222", HEADLESS),
        (
            "nats://nats.nats.svc.corp.example",
            "nats://nats.nats.svc.corp.example",
            "nats-headless.nats.svc.corp.example:8222",
        ),
        ("nats://nats-headless.nats.svc:4222", "nats://nats-headless.nats.svc:4222", HEADLESS),
        ("nats://a.b.svc,nats://c.d.svc:1", "nats://a.b.svc,nats://c.d.svc:1", "a-headless.b.svc.cluster.local:8222"),
        ("tls://one:4222,two:4222", "tls://one:4222,tls://two:4222", None),
        ("nats://[::1]:4222", "nats://[::1]:4222", None),
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", None),
        ("nats://nats-0.nats-headless.nats.svc", "nats://nats-0.nats-headless.nats.svc", None),
    ],
)
def test_servers_and_their_monitoring_endpoint(url: str, normal: str, monitoring: str | None) -> None:
    servers = nats.parse(url)
    assert (servers.url, servers.monitoring_endpoint) == (normal, monitoring)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with nats:// or tls://"),
        ("nats.nats.svc:4222", "must begin with nats:// or tls://"),
        ("NATS://nats", "must begin with nats:// or tls://"),
        ("nats://", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("nats://a,", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("nats://a, b", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("nats://a:0", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("nats://a:65536", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("nats://a/path", "must name each server as host or host:port, separated by commas, all with nats://"),
        ("tls://a,nats://b", "must name each server as host or host:port, separated by commas, all with tls://"),
        ("nats://me:secret@a", "must not contain credentials"),
        ("http://me:secret@a", "must not contain credentials"),
    ],
)
def test_a_bad_url_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        nats.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["nats:8222", "10.0.0.1:8222", "[::1]:8222"])
def test_an_endpoint_is_a_host_and_a_port(text: str) -> None:
    assert nats.endpoint(text) == text


@pytest.mark.parametrize("text", ["", "nats", "http://nats:8222", "nats:0", "nats:8222/varz"])
def test_anything_else_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        nats.endpoint(text)
