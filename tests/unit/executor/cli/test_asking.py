"""How the service is asked: TLS, proxies, redirects."""

import ssl

import pytest

from tests.certificates import Authority
from tests.unit.executor.cli.conftest import Answer

NONE = Answer({"jobs": [], "next": None})


@pytest.fixture
def certificates(tmp_path, served):
    """The service speaks TLS with these."""
    folder = Authority("ours").issue(tmp_path / "tls")
    _, server = served
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return folder


def test_a_service_is_trusted_whose_certificate_the_system_trusts(run, service, certificates, monkeypatch):
    service.says("GET /jobs", NONE)
    url = service.url.replace("http://127.0.0.1", "https://localhost")
    refused = run("jobs", "list", "--url", url)
    assert (refused.status, "CERTIFICATE_VERIFY_FAILED" in refused.err, service.asked) == (3, True, [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.crt"))
    assert run("jobs", "list", "--url", url).status == 0


def test_a_proxy_of_the_environment_is_gone_through(run, service, monkeypatch):
    service.says("GET http://agents.example/jobs", NONE)
    monkeypatch.setenv("http_proxy", service.url)
    assert run("jobs", "list", "--url", "http://agents.example/").status == 0


def test_a_token_does_not_follow_a_redirect(run, service, tmp_path):
    (tmp_path / "token").write_text("secret")
    service.says("GET /jobs", Answer("", 302))
    assert run("jobs", "list", "--token-file", str(tmp_path / "token")).status == 1
    assert len(service.asked) == 1
