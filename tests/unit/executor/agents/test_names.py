"""What a job that names its agent runs: found when it is accepted, and that for good."""

import json
from hashlib import sha256

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from executor.agents.agents import Agents
from executor.agents.catalogue import Catalogue
from executor.errors import Rejected
from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest
from executor.settings import ModelSettings
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

SETTINGS = ModelSettings.read({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://gateway/v1"})
FIRST, SECOND = ({"nodes": [{"id": word, "config": {"system_prompt": word}}]} for word in ("first", "second"))


def asking(definition):
    return JobRequest("j", "j", definition, {})


def claimed(resolved=UNRESOLVED):
    return Claim("j", 2, 1, 0.0, EPOCH, resolved=resolved)


class World:
    """Agents with a graph, `table`, and a folder that has one agent, `brief`, and what the ledger keeps."""

    def __init__(self, folder, **more):
        self.folder, self.kept, self.asked = folder, {}, []
        self.write(FIRST)
        graph = StateGraph(MessagesState).add_node("a", lambda _: {}).add_edge(START, "a").add_edge("a", END).compile()
        self.catalogue = Catalogue(folder, {"table": None})
        self.agents = Agents(
            SETTINGS, lambda _: InMemorySaver(), {"table": graph}, catalogue=self.catalogue, kept=self.find, **more
        )

    def write(self, definition):
        (self.folder / "brief.json").write_text(json.dumps(definition, indent=len(definition["nodes"][0]["id"])))

    def change(self, definition):
        self.write(definition)
        self.catalogue.look(self.folder)

    async def find(self, digest):
        self.asked.append(digest)
        return self.kept.get(digest)

    async def opened(self, definition, resolved=UNRESOLVED):
        """The name of the graph that runs."""
        run = await self.agents.open(asking(definition), claimed(resolved), lambda _: None)
        return run.graph.name

    async def refusal(self, definition, resolved=UNRESOLVED):
        with pytest.raises(Rejected) as caught:
            await self.agents.open(asking(definition), claimed(resolved), lambda _: None)
        return caught.value.reason, str(caught.value)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def test_a_name_is_found_in_the_folder_and_among_the_graphs(world):
    brief = Resolved.of(FIRST, "brief")
    assert (
        world.agents.resolve(asking({"agent": "brief"}))
        == await world.agents.check(asking({"agent": "brief"}))
        == brief
    )
    assert world.agents.resolve(asking({"agent": "table"})) == Resolved("table")
    assert world.agents.resolve(asking({"graph": "table"})) == Resolved("table")
    assert world.agents.resolve(asking(FIRST)) == Resolved.of(FIRST)
    assert await world.opened({"agent": "brief"}, brief) == "first"
    assert await world.opened({"agent": "table"}, Resolved("table")) == "LangGraph"
    assert world.asked == []


async def test_a_job_goes_on_with_what_its_name_meant_when_it_was_accepted(world):
    before = world.agents.resolve(asking({"agent": "brief"}))
    world.kept[before.definition] = FIRST
    world.change(SECOND)
    assert await world.opened({"agent": "brief"}, Resolved("brief", before.definition)) == "first"
    assert await world.opened({"agent": "brief"}, world.agents.resolve(asking({"agent": "brief"}))) == "second"
    assert world.asked == [before.definition]
    assert await world.opened({"agent": "brief"}, Resolved("brief", before.definition)) == "first"
    assert world.asked == [before.definition], "it is compiled already"


async def test_a_file_that_changes_while_a_job_is_checked_is_not_missed(world):
    before = world.agents.resolve(asking({"agent": "brief"}))
    world.change(SECOND)
    assert await world.opened({"agent": "brief"}, before) == "first"
    assert world.asked == []


async def test_a_name_that_was_found_elsewhere_and_means_nothing_here_runs_all_the_same(world):
    elsewhere = Resolved.of(SECOND, "unheard")
    world.kept[elsewhere.definition] = SECOND
    assert await world.opened({"agent": "unheard"}, Resolved("unheard", elsewhere.definition)) == "second"


async def test_a_name_that_means_nothing_is_the_senders_error(world):
    complaint = ("unknown_agent", "data.agent_definition.agent: 'nobody' is no agent here (brief, table)")
    assert world.agents.resolve(asking({"agent": "nobody"})) == UNRESOLVED
    assert await world.refusal({"agent": "nobody"}) == complaint
    with pytest.raises(Rejected, match=r"data\.agent_definition\.agent: 'nobody' is no agent here"):
        await world.agents.check(asking({"agent": "nobody"}))
    strangers: list[object] = [5, {}, [], {"a": []}, True, ""]
    for name in strangers:
        assert world.agents.resolve(asking({"agent": name})) == UNRESOLVED
        assert (await world.refusal({"agent": name}))[0] == "unknown_agent"


async def test_a_job_that_was_accepted_unknown_stays_unknown_until_it_is_accepted_anew(world):
    assert (await world.refusal({"agent": "brief"}))[0] == "unknown_agent"


async def test_what_the_name_meant_may_be_gone(world):
    assert await world.refusal({"agent": "brief"}, Resolved("brief", "forgotten")) == (
        "unknown_agent",
        "data.agent_definition.agent: what 'brief' was when the job was accepted is gone",
    )
    assert (await world.refusal({"agent": "gone"}, Resolved("gone")))[0] == "unknown_agent"


async def test_a_definition_with_a_key_agent_and_a_graph_are_no_names(world):
    for definition in ({"agent": "brief", **SECOND}, {**SECOND, "agent": {"layout": "tree"}}):
        assert world.agents.resolve(asking(definition)) == Resolved.of(definition)
        assert await world.opened(definition, Resolved.of(definition)) == "second"
    assert world.agents.resolve(asking({"graph": "table", "agent": "brief"})) == Resolved("table")
    assert world.agents.resolve(asking({"graph": "nobody"})) == UNRESOLVED
    assert (await world.refusal({"graph": "nobody"}))[0] == "unknown_graph"
    assert (await world.refusal({"agent": None}))[0] == "invalid_definition"


async def test_where_definitions_may_not_come_in_messages_only_names_are_taken(tmp_path):
    world = World(tmp_path, inline=False)
    complaint = "data.agent_definition: may not come in a message here, but an agent's name may"
    for definition in (FIRST, {}, {"nodes": "wrong"}):
        assert world.agents.resolve(asking(definition)) == UNRESOLVED
        assert await world.refusal(definition) == ("inline_definitions_not_allowed", complaint)
        with pytest.raises(Rejected, match=r"data\.agent_definition: may not come in a message here"):
            await world.agents.check(asking(definition))
    assert await world.opened({"agent": "brief"}, Resolved.of(FIRST, "brief")) == "first"
    assert await world.opened({"graph": "table"}) == "LangGraph"


async def test_a_definition_that_was_accepted_while_it_was_allowed_goes_on(tmp_path):
    world = World(tmp_path, inline=False)
    assert await world.opened(SECOND, Resolved(None, Resolved.of(SECOND).definition)) == "second"


def test_a_digest_depends_on_nothing_but_what_is_said():
    one, other = {"a": 1, "b": {"c": [1], "d": None}}, {"b": {"d": None, "c": [1]}, "a": 1}
    assert Resolved.of(one) == Resolved.of(other)
    assert Resolved.of(one).definition != Resolved.of({**one, "a": 2}).definition
    assert Resolved.of({}).definition == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_digest_of_a_job_is_over_the_name():
    said = json.dumps(["j", {"agent": "brief"}, {}], sort_keys=True)
    assert asking({"agent": "brief"}).identity().digest == sha256(said.encode()).digest()
