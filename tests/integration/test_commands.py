"""A person's commands against a running service, as processes: what they print and how they end."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE

import pytest

from contract import Env
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from tests.commands import Done
from tests.integration.world import deep, event, says, unique, writing

pytestmark = pytest.mark.anyio
OURS = (Env.NATS_STREAM_NAME, Env.EXECUTOR_SUBJECT_PREFIX)


@pytest.fixture
async def command(own, tmp_path):
    """Run a command of a person who has the context of a service with a named agent."""
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "writer.json").write_text(json.dumps(deep(interrupt_on={"write_file": True})))
    more = {Env.PORT: str(free_port()), Env.EXECUTOR_AGENTS: str(folder), Env.EXECUTOR_MAX_ATTEMPTS: "1"}
    mine = {str(name): own.environment[name] for name in OURS} | {"XDG_CONFIG_HOME": str(tmp_path)}

    async def command(*words):
        program = (sys.executable, "-m", "executor")
        child = await asyncio.create_subprocess_exec(*program, *words, env=mine, stdout=PIPE, stderr=PIPE)
        out, err = await asyncio.wait_for(child.communicate(), 90)
        return Done(child.returncode or 0, out.decode(), err.decode())

    async with Service(dict(own.environment) | more, log=tmp_path / "serve.log") as service:
        place = ("--url", service.url, "--nats-url", own.environment[Env.NATS_URL])
        assert (await command("context", "add", "here", *place)).status == 0
        yield command


def prompt(*turns):
    """A message that makes the model reply with these turns."""
    return says("j", *turns)["messages"][0]["content"]


async def test_an_agent_is_asked_watched_answered_and_waited_for(command):
    asking = prompt({"say": "I write.", "call": [writing("/note")]}, {"say": "Written."})
    asked = await command("submit", "--message", asking, "--agent", "writer", "--watch")
    job = asked.err.splitlines()[0].removeprefix("job ")
    assert (asked.status, asked.out.splitlines()[0]) == (6, "I write.")
    assert "  may write_file(" in asked.err
    for goal, status in {"completed": 6, "interrupted": 0}.items():
        assert (await command("jobs", "wait", job, "--for", goal)).status == status
    assert (await command("jobs", "wait", job, "--for", "ended", "--timeout", "1s")).status == 7
    wrong = await command("jobs", "resume", job, '{"decisions": []}')
    assert (wrong.status, wrong.err.startswith("agent-executor: 422: ")) == (1, True)
    assert (await command("jobs", "resume", job, '{"decisions": [{"type": "approve"}]}')).status == 0
    waited = await command("jobs", "wait", job, "--timeout", "1m")
    assert (waited.status, waited.json["result"]["output"]) == (0, "Written.")
    watched = await command("watch", job)
    assert (watched.status, watched.out.splitlines()[-1]) == (0, "completed")
    listed = await command("jobs", "list", "--agent", "writer", "--status", "completed", "--since", "1h", "--json")
    assert [each["job_id"] for each in listed.json["jobs"]] == [job]
    assert (await command("jobs", "cancel", job)).status == 5


async def test_jobs_that_fail_are_told_and_their_letters_dropped_or_replayed(command, tmp_path):
    jobs, file = [unique(), unique()], tmp_path / "job.json"
    for job in jobs:
        file.write_text(json.dumps(event(job, {"status": 401})["data"]))
        failed = await command("submit", str(file), "--wait", "30")
        assert (failed.status, failed.json["job_id"]) == (1, job)
        assert failed.err.splitlines()[-1].startswith("agent-executor: the job failed: ")
    first, second = [str(letter["sequence"]) for letter in (await command("dlq", "list", "--json")).json]
    assert (await command("dlq", "drop", first, "--json")).json == {"sequence": int(first), "done": "dropped"}
    assert (await command("dlq", "show", first)).status == 4
    assert jobs[1] in (await command("dlq", "show", second)).json["body"]
    assert (await command("dlq", "replay", "--all")).out == f"replayed {second}\n"
    file.write_text(json.dumps(event(jobs[0])["data"]))
    statuses = [(await command(*words)).status for words in (["submit", str(file)], ["jobs", "show", "nobody"])]
    assert statuses == [5, 4]
