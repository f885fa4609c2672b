"""Jobs that name their agent go on with what the name meant when they were accepted, at any pod, killed or not."""

import json
import signal

import httpx
import pytest

from contract import Env
from executor.embedded.loopback import wait_until
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.test_dead_letters import replay_all
from tests.integration.world import STRUCTURED, enveloped, event, says, unique, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

WRITER = {"agent": "writer"}
STEPS = ({"say": "One.", "call": [writing("/one")]}, {"say": "Two.", "call": [writing("/two")]}, {"say": "Done."})
ASKS = {"interrupt_on": {"write_file": True}}


class Folders:
    """Folders of agents, each for a pod: what is given to a pod is the variable that leads to its folder."""

    def __init__(self, place):
        self.place = place

    def write(self, folder, prompt, name="writer", **config):
        """An orchestrator of this name."""
        path = self.place / folder
        path.mkdir(exist_ok=True)
        node = {"id": "agent", "type": "Orchestrator", "config": {"system_prompt": prompt, **config}}
        (path / f"{name}.json").write_text(json.dumps({"nodes": [node]}))
        return {Env.EXECUTOR_AGENTS: str(path)}

    @property
    def both(self):
        """Those of two pods, of which the second has another version of the same agent."""
        return self.write("one", "Version one."), self.write("two", "Version two.")


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


def versions(model, job):
    """Which version of the prompt each request about a job had."""
    mine = [text for text in map(json.dumps, model.requests) if f"Job {job}." in text]
    return ["one" if "Version one." in text else "two" if "Version two." in text else "none" for text in mine]


async def test_a_job_begun_with_one_version_goes_on_with_it_where_the_name_means_another(place, fork, model, folders):
    job, after = unique(), unique()
    one, two = folders.both
    dying = fork(**one, **{Env.EXECUTOR_CRASH_AT: "running"})
    await place.publish(event(job, *STEPS, definition=WRITER))
    assert await dying.ended() == -signal.SIGKILL
    await fork(**two).until_ready()
    await place.publish(event(after, *STEPS, definition=WRITER))
    assert await at_rest(place, job, after) == dict.fromkeys((job, after), "completed")
    assert set(versions(model, job)) == {"one"}
    assert set(versions(model, after)) == {"two"}
    rows = await place.rows("SELECT agent, count(DISTINCT definition) FROM jobs GROUP BY agent")
    assert rows == [{"agent": "writer", "count": 2}]


async def test_a_job_claimed_and_lost_before_its_first_step_keeps_its_version(place, fork, model, folders):
    job = unique()
    one, two = folders.both
    dying = fork(**one, **{Env.EXECUTOR_CRASH_AT: "claimed"})
    await place.publish(event(job, *STEPS, definition=WRITER))
    assert await dying.ended() == -signal.SIGKILL
    await fork(**two).until_ready()
    assert await at_rest(place, job) == {job: "completed"}
    assert versions(model, job) == ["one"] * 3


async def test_what_was_taken_over_http_or_parked_by_one_pod_is_that_pods_at_another(place, fork, model, folders):
    """Also where the other does not know the name at all."""
    asking, over_http, parked = unique(), unique(), unique()
    thread = {"thread_id": asking}
    first = fork(**folders.write("one", "Version one.", **ASKS))
    await first.until_ready()
    await place.publish(event(asking, *STEPS, definition=WRITER))
    await becomes(place, asking, "interrupted")
    async with httpx.AsyncClient(base_url=first.url) as http:
        body = event(over_http, definition=WRITER, **thread)
        assert (await http.post("/", json=body, headers=STRUCTURED)).status_code == 202
    await place.publish(event(parked, definition=WRITER, **thread))
    for job in (over_http, parked):
        await becomes(place, job, "parked")
    first.send(signal.SIGKILL)
    await first.ended()
    second = fork(**folders.write("other", "Nothing.", name="another"))
    await second.until_ready()
    async with httpx.AsyncClient(base_url=second.url) as http:
        assert (await http.post(f"/jobs/{asking}/cancel")).status_code == 202
    ends = await at_rest(place, asking, over_http, parked)
    assert ends == {asking: "cancelled", over_http: "completed", parked: "completed"}
    assert [set(versions(model, job)) for job in (over_http, parked)] == [{"one"}, {"one"}]


async def test_an_interrupted_job_goes_on_with_its_version_after_its_file_has_changed_in_its_pod(
    place, fork, model, folders
):
    job, after = unique(), unique()
    pod = fork(**folders.write("mine", "Version one.", **ASKS))
    await pod.until_ready()
    await place.publish(event(job, STEPS[0], STEPS[2], definition=WRITER))
    await becomes(place, job, "interrupted")
    folders.write("mine", "Version two.")
    await wait_until("the change is read", lambda: has_read(pod, 2))
    async with httpx.AsyncClient(base_url=pod.url) as http:
        answer = {"resume": {"decisions": [{"type": "approve"}]}}
        assert (await http.post(f"/jobs/{job}/resume", json=answer)).status_code == 202
    await place.publish(event(after, *STEPS, definition=WRITER))
    assert await at_rest(place, job, after) == dict.fromkeys((job, after), "completed")
    assert (versions(model, job), versions(model, after)) == (["one"] * 2, ["two"] * 3)


async def has_read(pod, times):
    return pod.log.read_text().count('"event":"agent read"') == times


async def test_a_name_that_is_not_there_fails_for_good_and_its_letter_is_replayed_once_it_is(
    place, fork, model, folders
):
    job = unique()
    pod = fork(**folders.write("mine", "Nothing.", name="another"))
    await place.publish(event(job, *STEPS, definition=WRITER))
    assert await at_rest(place, job) == {job: "failed"}
    [failed] = await place.terminal()
    assert failed.data["error"] == {
        "type": "unknown_agent",
        "message": "data.agent_definition.agent: 'writer' is no agent here (another)",
        "retryable": False,
        "attempts": 1,
    }
    assert [letter.word for letter in await place.dead_letters()] == ["unknown_agent"]
    folders.write("mine", "Version one.")
    await wait_until("the file is read", lambda: has_read(pod, 2))
    await replay_all(place)
    await becomes(place, job, "completed")
    assert versions(model, job) == ["one"] * 3


async def test_a_definition_in_a_message_is_kept_for_whoever_reads_its_thread_later(place, fork):
    job, again = unique(), unique()
    definition = {"nodes": [{"id": "agent"}], "note": unique()}
    await fork().until_ready()
    for each in (job, again):
        await place.publish(event(each, definition=definition))
    await at_rest(place, job, again)
    rows = await place.rows(
        "SELECT agent, definitions.definition FROM jobs JOIN definitions ON definitions.digest = jobs.definition"
    )
    assert rows == [{"agent": None, "definition": definition}] * 2
    assert await place.rows("SELECT count(*) FROM definitions") == [{"count": 1}]


async def test_where_definitions_may_not_come_in_messages_nothing_of_them_runs_or_is_kept(place, fork, model, folders):
    refused, named = unique(), unique()
    pod = fork(**folders.both[0], **{Env.EXECUTOR_AGENTS_INLINE: "false"})
    await pod.until_ready()
    complaint = "data.agent_definition: may not come in a message here, but an agent's name may"
    async with httpx.AsyncClient(base_url=pod.url) as http:
        answer = await http.post("/", json=event(unique()), headers=STRUCTURED)
        assert (answer.status_code, answer.json()["detail"]) == (400, complaint)
        assert answer.json()["field"] == "data.agent_definition"
    await place.publish(event(refused))
    await place.publish(event(named, *STEPS, definition=WRITER))
    assert await at_rest(place, refused, named) == {refused: "failed", named: "completed"}
    [failed] = [fact for fact in await place.terminal() if fact.word == "failed"]
    assert failed.data["error"]["type"] == "inline_definitions_not_allowed"
    assert [letter.word for letter in await place.dead_letters()] == ["inline_definitions_not_allowed"]
    assert versions(model, refused) == []
    assert await place.rows("SELECT count(*) FROM definitions") == [{"count": 1}]


async def test_agents_are_listed_and_jobs_by_them(place, fork, folders):
    jobs = [unique() for _ in range(3)]
    folders.write("one", "Hello.", name="greeter")
    pod = fork(**folders.both[0])
    await pod.until_ready()
    async with httpx.AsyncClient(base_url=pod.url) as http:
        listed = (await http.get("/agents")).json()
        assert listed == {
            "agents": [
                {"name": name, "kind": "definition", "source": f"{name}.json", "description": None}
                for name in ("greeter", "writer")
            ]
        }
        for job, name in zip(jobs, ("writer", "greeter", "writer"), strict=True):
            body = enveloped({"job_id": job, "agent_definition": {"agent": name}, "input_payload": says(job)})
            assert (await http.post("/", json=body, headers=STRUCTURED)).status_code == 202
        unknown = await http.post("/", json=event(unique(), definition={"agent": "x"}), headers=STRUCTURED)
        assert (unknown.status_code, unknown.json()["field"]) == (400, "data.agent_definition.agent")
        await at_rest(place, *jobs)
        mine = (await http.get("/jobs", params={"agent": "writer", "status": "completed"})).json()["jobs"]
        assert [(job["job_id"], job["agent"]) for job in mine] == [(job, "writer") for job in (jobs[2], jobs[0])]
        assert (await http.get("/jobs", params={"agent": "nobody"})).json() == {"jobs": [], "next": None}
