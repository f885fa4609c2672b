"""A definition becomes a compiled graph, or is refused with the reason."""

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from executor.agents.agents import Agents
from executor.agents.build import build
from executor.agents.definition import Model, read
from executor.agents.models import chat_model
from executor.errors import Rejected
from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest
from executor.settings import ModelSettings
from tests.fakes import EPOCH
from tests.unit.executor.agents.test_definition import EXAMPLE, node, typed

pytestmark = pytest.mark.anyio

SETTINGS = ModelSettings.read({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://gateway/v1"})


def refusal(definition, reason="invalid_definition", settings=SETTINGS):
    with pytest.raises(Rejected) as caught:
        build(read(definition), settings)
    assert caught.value.reason == reason
    return str(caught.value)


def channels(definition):
    return set(build(read(definition), SETTINGS).channels)


def merge(definition, name, *updates):
    """What the channel holds after these updates."""
    channel = build(read(definition), SETTINGS).channels[name].copy()  # type: ignore[union-attr]
    for update in updates:
        channel.update([update])
    return channel.get()


def test_an_orchestrator_is_a_deep_agent_with_files_and_the_channels_of_its_specialists():
    orchestrator = [
        typed("Orchestrator", "a"),
        node("b", state_schema={"notes": {"type": "list", "reducer": "append"}}),
    ]
    assert {"messages", "files", "notes"} <= channels({"nodes": orchestrator})
    assert {"messages", "files"} <= channels({"nodes": [typed("orchestrator", "a")]})


def test_a_lone_node_of_another_type_is_a_plain_agent():
    assert "files" not in channels({"nodes": [typed("Specialist", "a")]})


def test_a_script_that_is_only_listed_is_fine_and_one_that_is_used_is_refused():
    listed = {**EXAMPLE, "nodes": EXAMPLE["nodes"][:1]}
    assert channels(listed)
    assert refusal(EXAMPLE, "scripts_not_allowed") == (
        "guardrail-agent: tools that are scripts (generate_diff) are not allowed here"
    )


@pytest.mark.parametrize("reducer", ["add_messages", "add", "append", "extend"])
def test_lists_of_values_are_appended_to(reducer):
    schema = {"changes": {"type": "list", "item_type": "dict", "reducer": reducer}}
    assert merge({"nodes": [node("a", state_schema=schema)]}, "changes", [{"x": 1}], [{"x": 1}]) == [{"x": 1}] * 2


def test_lists_of_messages_are_merged_by_their_ids():
    schema = {"notes": {"type": "list", "item_type": "message", "reducer": "add_messages"}}
    hello = HumanMessage("hello", id="1")
    assert merge({"nodes": [node("a", state_schema=schema)]}, "notes", [hello], [hello]) == [hello]


def test_a_channel_without_a_reducer_is_overwritten():
    assert merge({"nodes": [node("a", state_schema={"n": {"type": "integer"}})]}, "n", 1, 2) == 2


@pytest.mark.parametrize("kind", ["Orchestrator", "Specialist"])
def test_the_agents_own_channels_stay_what_they_are(kind):
    schema = {"messages": {"type": "list", "item_type": "dict", "reducer": "add_messages"}}
    hello = HumanMessage("hello", id="1")
    assert merge({"nodes": [typed(kind, "a", state_schema=schema)]}, "messages", [hello], [hello]) == [hello]


async def test_whatever_langgraph_refuses_makes_no_graph(monkeypatch):
    def build(*_, **__):
        raise ValueError("Channel 'x' is reserved")

    monkeypatch.setattr("executor.agents.build.build", build)
    with pytest.raises(Rejected, match=r"data\.agent_definition: makes no graph: Channel 'x' is reserved"):
        await Agents(SETTINGS, lambda _: InMemorySaver()).check(JobRequest("j", "j", {"nodes": [{"id": "a"}]}, {}))


async def test_a_definition_is_compiled_once_and_for_each_job_checked_again():
    agents = Agents(SETTINGS, lambda _: InMemorySaver())
    job = JobRequest("j", "j", {"nodes": [{"id": "a"}]}, {})
    claim = Claim("j", 1, 1, 0.0, EPOCH)
    first, second = await agents.open(job, claim, print), await agents.open(job, claim, print)
    assert first.graph.builder is second.graph.builder
    with pytest.raises(Rejected):
        await agents.check(JobRequest("j", "j", {}, {}))


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        (None, "ChatOpenAI", "gpt-4.1-mini"),
        (Model(), "ChatOpenAI", "gpt-4.1-mini"),
        (Model(provider="openai", model="gpt-5"), "ChatOpenAI", "gpt-5"),
        (Model(provider="OpenAI", model_name="gpt-5"), "ChatOpenAI", "gpt-5"),
        (Model(model="openai:gpt-5"), "ChatOpenAI", "gpt-5"),
        (Model(model="llama3:8b"), "ChatOpenAI", "llama3:8b"),
        (Model(model="gpt-5"), "ChatOpenAI", "gpt-5"),
    ],
)
def test_a_model_is_named_in_many_ways(model, provider, name):
    made = chat_model(model, SETTINGS)
    assert (type(made).__name__, made.model_name) == (provider, name)  # type: ignore[attr-defined]


def test_a_model_gets_the_operators_address_and_the_nodes_tuning():
    model = chat_model(Model(model="gpt", temperature=0.5, max_tokens=7), SETTINGS)
    assert (model.openai_api_base, model.temperature, model.max_tokens) == ("http://gateway/v1", 0.5, 7)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "reason", "complaint"),
    [
        (
            {"provider": "acme", "model": "x"},
            "invalid_definition",
            "model.provider: 'acme' is unknown, openai and anthropic are known",
        ),
        (
            {"provider": "anthropic", "model": "x"},
            "model_unavailable",
            "model.provider: no key for anthropic here, ANTHROPIC_API_KEY is not set",
        ),
    ],
)
def test_a_model_that_cannot_be_called_here_is_refused(model, reason, complaint):
    assert refusal({"nodes": [node("a", model=model)]}, reason) == complaint
