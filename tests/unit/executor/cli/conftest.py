"""Commands as a shell runs them, and a service that answers what a test says."""

import json
import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog

from executor.__main__ import main
from executor.cli import outage, printing, submitting, waiting
from tests.commands import Done


@dataclass(frozen=True)
class Answer:
    """What the service answers: a status, and JSON or text."""

    body: object = None
    status: int = 200

    @property
    def content(self):
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    line: str
    headers: dict[str, str] = field(compare=False, default_factory=dict)
    body: object = field(compare=False, default=None)


class FakeService:
    """Answers each request line with what is said, in order, the last again and again; notes what was asked."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.asked = []
        self._answers = defaultdict(list)

    def says(self, line, *answers):
        self._answers[line] += answers

    def answer(self, asked):
        self.asked.append(asked)
        left = self._answers[asked.line.partition("?")[0]]
        if not left:
            return Answer({"detail": f"no {asked.line}"}, 404)
        return left.pop(0) if len(left) > 1 else left[0]

    @property
    def lines(self):
        return [each.line for each in self.asked]


def handler_of(services):
    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = services[0].answer(Asked(f"{self.command} {self.path}", headers, body))
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.content)))
            if 300 <= answer.status < 400:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def served():
    """The service and the server under it, at a port of its own."""
    services: list[FakeService] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(services)) as server:
        services.append(FakeService(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield services[0], server
        server.shutdown()
        thread.join()


@pytest.fixture
def service(served):
    """The service."""
    return served[0]


@pytest.fixture
def run(service, monkeypatch, capsys):
    """Run a command as the shell does, of the service unless it is told of another."""
    monkeypatch.setenv("EXECUTOR_URL", service.url)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["agent-executor", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def at_terminal(monkeypatch):
    """As if a person read what is printed."""
    monkeypatch.setattr(printing, "on_terminal", lambda: True)


@pytest.fixture(autouse=True)
def _of_its_own(monkeypatch, tmp_path):
    """No contexts of whoever runs the tests, quick pauses, and logs that do not outlive the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("EXECUTOR_URL", "EXECUTOR_TOKEN_FILE", "EXECUTOR_TOKEN_COMMAND", "NATS_URL"):
        monkeypatch.delenv(name, raising=False)
    for module, name in ((waiting, "FIRST_PAUSE"), (submitting, "PAUSE"), (outage, "PAUSE")):
        monkeypatch.setattr(module, name, 0.01)
    handlers = logging.root.handlers[:]
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


def a_job(status, **more):
    """A job as the service shows it."""
    return {
        "job_id": "order 1",
        "thread_id": "t",
        "status": status,
        "attempts": 1,
        "created_at": "2026-11-30T09:00:00.000000+00:00",
        "started_at": None,
        "finished_at": None,
        "result": None,
        "error": None,
        **more,
    }
