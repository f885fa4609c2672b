"""`agent-executor context`, and what goes before what."""

import shlex
import stat
import sys

import pytest

from executor.cli import context_file
from tests.unit.executor.cli.conftest import Answer

NONE = Answer({"jobs": [], "next": None})


@pytest.fixture
def asked(run, service, monkeypatch):
    """List the jobs where nothing but the context and these words say how; the token that was shown."""
    service.says("GET /jobs", NONE)
    monkeypatch.delenv("EXECUTOR_URL")

    def asked(*words):
        before = len(service.asked)
        assert run("jobs", "list", *words).status == 0
        [request] = service.asked[before:]
        return request.headers.get("authorization")

    return asked


def printing(text):
    """A command that prints."""
    return shlex.join([sys.executable, "-c", f"print({text!r})"])


@pytest.fixture
def file(tmp_path):
    """A file with a token."""
    (tmp_path / "token").write_text("of-a-file\n")
    return str(tmp_path / "token")


def test_contexts_are_added_used_listed_and_removed(run):
    assert run("context", "list", "--json").json == {"current": None, "contexts": {}}
    assert run("context", "add", "prod", "--url", "https://a.example", "--token-command", "t 1").status == 0
    assert run("context", "add", "test", "--url", "http://b.example", "--nats-url", "nats://n").status == 0
    assert run("context", "list").out.splitlines() == [
        "*  prod  https://a.example  `t 1`  -",
        "   test  http://b.example   -      nats://n",
    ]
    assert run("context", "use", "test").status == 0
    assert run("context", "list", "--json").json == {
        "current": "test",
        "contexts": {
            "prod": {"url": "https://a.example", "token_command": "t 1"},
            "test": {"url": "http://b.example", "nats_url": "nats://n"},
        },
    }
    assert run("context", "remove", "test").status == 0
    assert run("context", "list", "--json").json["current"] is None


def test_the_file_is_for_its_owner_alone_also_where_it_was_not(run):
    run("context", "add", "prod")
    context_file.place().chmod(0o644)
    run("context", "add", "test")
    assert stat.S_IMODE(context_file.place().stat().st_mode) == 0o600
    assert [each.name for each in context_file.place().parent.iterdir()] == ["contexts.json"]


@pytest.mark.parametrize("word", ["use", "remove"])
def test_a_context_that_is_none_is_told_with_those_that_are(run, word):
    run("context", "add", "prod")
    done = run("context", word, "x")
    assert (done.status, done.err.splitlines()) == (
        4,
        ["agent-executor: no context 'x'; there are: prod (`agent-executor context add`)"],
    )


@pytest.mark.parametrize(
    "words", [["--token-file", "x"], ["--url", "http://a", "--token-file", "x", "--token-command", "y"]]
)
def test_a_token_is_one_and_for_one_service(run, words):
    assert run("context", "add", "prod", *words).status == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"current": null}', '{"current": "a", "contexts": {"a": {"url": 1}}}'])
def test_a_file_that_is_not_ours_is_told_with_its_place(run, text):
    context_file.place().parent.mkdir(parents=True)
    context_file.place().write_text(text)
    done = run("jobs", "list")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert done.err.startswith(f"agent-executor: {context_file.place()} is no file of contexts (")


def test_a_flag_goes_before_the_environment_and_that_before_the_context(run, service, asked, file, monkeypatch):
    run("context", "add", "it", "--url", service.url, "--token-command", printing("of-the-context"))
    assert asked() == "Bearer of-the-context"
    monkeypatch.setenv("EXECUTOR_TOKEN_COMMAND", printing("of-the-environment"))
    assert asked() == "Bearer of-the-environment"
    assert asked("--token-file", file) == "Bearer of-a-file"
    assert asked("--token-command", printing("of-a-flag")) == "Bearer of-a-flag"
    monkeypatch.setenv("EXECUTOR_URL", "http://127.0.0.1:1")
    assert run("jobs", "list").status == 3
    assert asked("--url", service.url) == "Bearer of-the-environment"


def test_a_contexts_token_is_shown_to_its_own_service_alone(run, service, asked, monkeypatch):
    run("context", "add", "other", "--url", "http://127.0.0.1:1", "--token-command", printing("secret"))
    assert asked("--url", service.url) is None
    monkeypatch.setenv("EXECUTOR_URL", service.url)
    assert asked() is None
    run("context", "add", "other", "--url", service.url, "--token-command", printing("secret"))
    assert asked() == "Bearer secret"


def test_a_command_for_a_token_is_run_again_where_that_is_refused_and_once_only(run, service, tmp_path, monkeypatch):
    count = tmp_path / "count"
    count.write_text("")
    code = f"import pathlib; p = pathlib.Path({str(count)!r}); p.write_text(p.read_text() + 'x'); print(p.read_text())"
    monkeypatch.setenv("EXECUTOR_TOKEN_COMMAND", shlex.join([sys.executable, "-c", code]))
    service.says("GET /jobs", Answer({"detail": "expired"}, 401), NONE, Answer({"detail": "expired"}, 401))
    assert (run("jobs", "list").status, run("jobs", "list").status) == (0, 1)
    assert [each.headers["authorization"] for each in service.asked] == [f"Bearer {'x' * n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token-file", "/nowhere"], "/nowhere cannot be read: FileNotFoundError"),
        (["--token-command", "false"], "`false` gives no token: "),
        (["--token-command", "no-such-program"], "`no-such-program` gives no token: "),
        (["--token-command", "echo a b"], "what `echo a b` prints holds no token"),
        (["--token-command", "echo 'a"], "`echo 'a` gives no token: No closing quotation"),
        (["--token-command", ""], "`` gives no token: "),
    ],
    ids=str,
)
def test_a_token_that_cannot_be_had_is_one_line_and_nothing_is_asked(run, service, words, said):
    done = run("jobs", "list", *words)
    assert (done.status, len(done.err.splitlines()), service.asked) == (1, 1, [])
    assert done.err.startswith(f"agent-executor: {said}")


def test_nats_is_where_the_context_says_unless_something_else_does(run, monkeypatch):
    from executor.cli import letters  # noqa: PLC0415

    run("context", "add", "it", "--nats-url", "nats://context")
    for name in ("NATS_STREAM_NAME", "NATS_CONSUMER_GROUP"):
        monkeypatch.delenv(name, raising=False)
    assert (letters._settings(None).url, letters._settings("nats://flag").url) == ("nats://context", "nats://flag")
    assert letters._settings(None).dead_letter_stream == "AGENT_DLQ"
