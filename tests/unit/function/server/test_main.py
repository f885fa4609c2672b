"""The command: what it says before it serves, and how it fails."""

import socket

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from function.server.main import listening_on, main
from function.server.metrics import Metrics


def test_help_shows_every_address_and_the_size_of_messages() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert all(text in shown.output for text in ("--address", "--health-address", "--metrics-address", "default: 16"))


def test_version_names_the_command() -> None:
    shown = CliRunner().invoke(main, ["--version"], prog_name="function-agent-executor")
    assert (shown.exit_code, shown.output.split(",")[0]) == (0, "function-agent-executor")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no credentials were provided"),
        (["--tls-certs-dir", "/nowhere"], "No such file or directory: '/nowhere/tls.crt'"),
        (["--insecure", "--metrics-address", "nonsense"], "nonsense"),
    ],
)
def test_a_failed_start_says_why_in_one_line(arguments: list[str], words: str) -> None:
    failed = CliRunner().invoke(main, arguments)
    assert failed.exit_code == 1
    assert failed.output.startswith("Error: the function could not be served: ")
    assert (failed.output.count("\n"), words in failed.output) == (1, True)


def test_a_port_that_is_taken_fails_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failed = CliRunner().invoke(main, ["--insecure", "--metrics-address", address])
    assert failed.exit_code == 1
    assert "Address already in use" in failed.output


@pytest.mark.parametrize(
    ("host", "with_ipv6", "without"),
    [
        ("", "::", "0.0.0.0"),
        ("0.0.0.0", "::", "0.0.0.0"),
        ("[::]", "::", "0.0.0.0"),
        ("[::1]", "::1", "::1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_everywhere_is_ipv6_too_where_the_machine_has_it(
    monkeypatch: pytest.MonkeyPatch, host: str, with_ipv6: str, without: str
) -> None:
    for has_both, expected in ((True, with_ipv6), (False, without)):
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda has_both=has_both: has_both)
        assert listening_on(host) == expected


def test_a_call_that_ends_in_no_answer_counts_as_an_error() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    with metrics.call() as call:
        call.outcome = "composed"
    with pytest.raises(ZeroDivisionError), metrics.call():
        raise ZeroDivisionError
    counted = {
        outcome: registry.get_sample_value("function_agent_executor_calls_total", {"outcome": outcome})
        for outcome in ("composed", "error", "refused")
    }
    assert counted == {"composed": 1.0, "error": 1.0, "refused": None}
