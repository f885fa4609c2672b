"""What jobs need is imported before the first of them comes."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from executor.agents.ahead import import_ahead
from executor.settings import ModelSettings

# In a process of its own: here everything is imported already.
LATE_IMPORTS = """
import asyncio, sys
from datetime import UTC, datetime

from langgraph.checkpoint.memory import InMemorySaver

from executor.agents.agents import Agents
from executor.agents.ahead import import_ahead
from executor.embedded.loopback import free_port
from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest
from executor.settings import ModelSettings

NOBODY = f"http://127.0.0.1:{free_port()}"
KEYS = {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": NOBODY, "ANTHROPIC_API_KEY": "b", "ANTHROPIC_BASE_URL": NOBODY}
SETTINGS = ModelSettings.read(KEYS)

async def call(provider, kind):
    node = {"id": "a", "type": kind, "config": {"model": {"provider": provider, "model": "some"}}}
    job = JobRequest("j", "j", {"nodes": [node]}, {"messages": [{"role": "user", "content": "hello"}]})
    run = await Agents(SETTINGS, lambda _: InMemorySaver()).open(job, Claim("j", 1, 1, 0.0, datetime.now(UTC)), id)
    try:
        await run.finish()
    except Exception as error:
        assert "Connection" in type(error).__name__, error

import_ahead(SETTINGS)
before = set(sys.modules)
for provider in ("anthropic", "openai"):
    for kind in ("Orchestrator", "Agent"):
        asyncio.run(call(provider, kind))
mine = ("langchain_openai", "langchain_anthropic", "openai", "anthropic", "deepagents", "langchain")
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] in mine))
"""


def test_no_job_of_a_provider_with_a_key_imports_anything_of_it():
    late = subprocess.run([sys.executable, "-c", LATE_IMPORTS], capture_output=True, text=True, check=True).stdout
    assert late.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("keys", "providers"),
    [
        ({}, []),
        ({"OPENAI_API_KEY": "a"}, ["openai"]),
        ({"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}, ["openai", "anthropic"]),
    ],
)
def test_only_what_there_is_a_key_for_is_imported(keys, providers):
    with capture_logs() as logs:
        import_ahead(ModelSettings.read(keys))
    assert [(line["event"], line["providers"]) for line in logs] == [("imported ahead", providers)]


def test_a_provider_that_cannot_be_had_keeps_nobody_from_starting(monkeypatch):
    def build(*_):
        raise OSError("no such library")

    monkeypatch.setattr("executor.agents.build.build", build)
    with capture_logs() as logs:
        import_ahead(ModelSettings.read({"OPENAI_API_KEY": "a"}))
    assert [(line["event"], line.get("error")) for line in logs] == [
        ("no agent can be made", "OSError('no such library')"),
        ("imported ahead", None),
    ]
