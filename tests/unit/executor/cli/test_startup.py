"""What a command imports before it does anything: a shell waits for it at each completion."""

import os
import subprocess
import sys

import pytest

from tests.unit.executor.cli.conftest import Answer

PROGRAM = """
import atexit, sys
atexit.register(lambda: print("\\n".join(["", "modules", *sys.modules])))
from executor.__main__ import main
main()
"""
INSIDE = {"pydantic", "structlog", "prometheus_client", "nats", "psycopg", "redis", "fastapi", "langgraph", "langchain"}


def imported(*words, **environment):
    """The packages that a command has imported by its end."""
    given = {"PATH": os.environ["PATH"], "COLUMNS": "80", **environment}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=given, capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stdout.rpartition("\nmodules\n")[2].splitlines()}


@pytest.mark.parametrize("words", [["--help"], ["jobs", "list", "--help"], ["completion", "zsh"], ["context", "list"]])
def test_what_asks_nobody_imports_neither_the_service_nor_http(words):
    assert imported(*words) & {*INSIDE, "httpx", "ssl", "asyncio"} == set()


def test_what_asks_over_http_imports_nothing_of_the_service(service):
    service.says("GET /jobs", Answer({"jobs": [], "next": None}))
    assert imported("jobs", "list", "--url", service.url) & {*INSIDE, "httpx", "asyncio"} == set()
