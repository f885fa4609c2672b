"""The command line."""

import json
import logging
import os

import pytest
import structlog
from click.testing import CliRunner

from executor.__main__ import cli, main
from executor.telemetry import configure_logs


@pytest.mark.parametrize("command", [[], *([name] for name in cli.commands)])
def test_every_command_has_help(command):
    answer = CliRunner().invoke(cli, [*command, "--help"], prog_name="agent-executor")
    assert answer.exit_code == 0
    assert answer.output.startswith(" ".join(["Usage: agent-executor", *command]))


def test_the_commands_of_the_contract_are_there():
    assert {"serve", "migrate", "streams", "dev"} <= set(cli.commands)


@pytest.mark.parametrize("command", ["serve", "migrate", "streams"])
def test_an_environment_that_is_wrong_is_one_line_and_no_success(monkeypatch, run, command):
    for name in os.environ:
        monkeypatch.delenv(name)
    done = run(command)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("agent-executor: ")
    assert done.err.endswith(" is missing\n")


def test_a_line_break_at_the_end_of_a_secret_is_not_part_of_it_for_libraries_either(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key\n")
    monkeypatch.setattr("sys.argv", ["agent-executor", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, os.environ["OPENAI_API_KEY"]) == (0, "key")


def test_a_command_that_is_none_is_no_success(monkeypatch):
    monkeypatch.setattr("sys.argv", ["agent-executor", "fly"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_what_libraries_log_is_an_event_too(capsys):
    configure_logs("info")
    try:
        os.environ["NO_SUCH_VARIABLE"]
    except KeyError:
        logging.getLogger("lib").exception("broken %s", "thing")
    logging.getLogger("lib").info("too much")
    structlog.get_logger().info("job begun", job="j")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (first["event"], first["level"], first["logger"]) == ("broken thing", "error", "lib")
    assert "KeyError: 'NO_SUCH_VARIABLE'" in first["exception"]
    assert (second["event"], second["level"], second["job"]) == ("job begun", "info", "j")
