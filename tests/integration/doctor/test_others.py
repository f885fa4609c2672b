"""`agent-executor doctor` on all else: settings, Dragonfly, keys, graphs, agents, clocks."""

import json
import time

import pytest

from contract import Env
from executor.agents import keys
from executor.embedded.loopback import free_port
from executor.findings import ok, warning, wrong
from executor.progress.examine import decided
from executor.settings import ModelSettings
from tests.integration.doctor.examined import complaints, examined
from tests.integration.test_connections import ALLOWED

pytestmark = pytest.mark.anyio

FOLLOWS = "jobs run, and nobody sees them do"
KEYS = "set OPENAI_API_KEY or ANTHROPIC_API_KEY"


async def test_a_healthy_world_is_all_ok(provisioned):
    found = await examined(provisioned)
    assert [finding.about for finding in found if finding.state != "ok"] == []
    stream = provisioned[Env.NATS_STREAM_NAME]
    at = provisioned[Env.NATS_URL].removeprefix("nats://")
    assert [finding.about for finding in found] == [
        "settings",
        f"NATS {at}",
        "NATS JetStream",
        "NATS copies",
        *(f"NATS stream {name}" for name in (stream, f"{stream}_STATUS", f"{stream}_DLQ")),
        f"NATS consumer {provisioned[Env.NATS_CONSUMER_GROUP]}",
        "NATS subscriptions",
        "Postgres",
        "Postgres durability",
        "Postgres connections",
        "Postgres rights",
        "migrations",
        "Dragonfly",
        "Dragonfly streams and channels",
        "Dragonfly memory",
        "models of openai",
        "tokens",
        "graphs",
        "agents",
    ]


async def test_each_setting_that_is_missing_or_wrong_is_named_and_the_others_are_examined(provisioned):
    given = {**provisioned, Env.PORT: "no port"}
    del given[Env.NATS_CONSUMER_GROUP], given[Env.POSTGRES_DB]
    found = await complaints(given)
    names = {"PORT": "is wrong: ", Env.NATS_CONSUMER_GROUP: "is missing", Env.POSTGRES_DB: "is missing"}
    assert [(each.about, each.state, each.help) for each in found] == [
        (f"setting {name}", "wrong", f"set {name} as docs/settings.md says") for name in names
    ]
    assert [each.said.startswith(said) for each, said in zip(found, names.values(), strict=True)] == [True] * 3
    assert "Dragonfly" in [finding.about for finding in await examined(given)]


async def test_a_wrong_password_of_dragonfly_is_a_warning(provisioned):
    [found] = await complaints({**provisioned, Env.DRAGONFLY_PASSWORD: "not-this-one"})
    to_do = "set DRAGONFLY_PASSWORD, and DRAGONFLY_USER where it has users"
    assert (found.about, found.state, found.help) == ("Dragonfly", "warning", to_do)
    assert found.said.endswith(FOLLOWS)


async def test_a_dragonfly_that_is_not_there_is_a_warning(provisioned):
    port = free_port()
    [found] = await complaints({**provisioned, Env.DRAGONFLY_PORT: str(port)})
    to_do = "set DRAGONFLY_HOST and DRAGONFLY_PORT to where it is, and DRAGONFLY_TLS where it asks for TLS"
    assert (found.about, found.state, found.help) == ("Dragonfly", "warning", to_do)
    assert found.said.startswith(f"no answer at 127.0.0.1, port {port}: ")


@pytest.mark.parametrize("without", [None, "+xadd", "+publish"])
async def test_a_user_of_dragonfly_needs_what_the_guide_names_and_each_of_it(own, without):
    async with own.dragonfly() as client:
        rights = [right for right in ALLOWED if right != without]
        await client.execute_command("ACL", "SETUSER", "doctored", "reset", "on", ">of-the-user", *rights)
        try:
            found = await complaints(
                dict(own.environment) | {Env.DRAGONFLY_USER: "doctored", Env.DRAGONFLY_PASSWORD: "of-the-user"}
            )
        finally:
            await client.execute_command("ACL", "DELUSER", "doctored")
    about, to_do = "Dragonfly streams and channels", "allow the user what docs/operations.md names"
    expected = [] if without is None else [(about, "warning", to_do)]
    assert [(each.about, each.state, each.help) for each in found] == expected


async def test_a_dragonfly_that_evicts_is_a_warning(own):
    async with own.dragonfly() as client:
        await client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            [found] = await complaints(own.environment)
        finally:
            await client.config_set("maxmemory-policy", "noeviction")
    assert (found.about, found.state) == ("Dragonfly memory", "warning")
    assert found.said.startswith("may drop streams that are being read: ")


def test_a_dragonfly_that_is_nearly_full_is_a_warning():
    said = "is nearly full: 95 of 100 bytes, policy noeviction"
    to_do = "raise maxmemory, or lower EXECUTOR_EVENTS_KEEP_SECONDS"
    assert list(decided({"maxmemory": 100, "used_memory": 95})) == [warning("Dragonfly memory", said, to_do)]


REFUSED = "set OPENAI_API_KEY to one that is valid"
ABOUT = "models of openai"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, wrong(ABOUT, "the key is refused (401)", REFUSED)),
        (404, warning(ABOUT, "the gateway does not list models (404): the key was not tried", "try a job")),
        (429, warning(ABOUT, "the key is taken, and its rate or quota is used up (429)", "wait, or raise the quota")),
        (503, warning(ABOUT, "answers 503: the key was not tried", "look at the provider's status")),
    ],
)
async def test_a_key_is_tried_by_a_call_that_costs_nothing(provisioned, model, status, expected):
    model.outage = status
    try:
        assert await complaints(provisioned) == [expected]
    finally:
        model.outage = None


async def test_a_provider_that_does_not_answer_is_a_warning_and_an_address_that_is_none_is_wrong(provisioned):
    away = f"http://127.0.0.1:{free_port()}/v1"
    [silent] = await complaints({**provisioned, Env.OPENAI_BASE_URL: away})
    [none] = await complaints({**provisioned, Env.OPENAI_BASE_URL: "gateway/v1"})
    assert (silent.about, silent.state, silent.help) == (ABOUT, "warning", "let the network policy and a proxy pass it")
    assert silent.said.startswith("no answer from 127.0.0.1: ")
    assert (none.about, none.state, none.help) == (ABOUT, "wrong", "correct OPENAI_BASE_URL")


async def test_a_key_that_no_header_may_hold_is_wrong_and_not_shown(provisioned):
    for key in ("two\nlines", "schlüssel"):
        [found] = await complaints({**provisioned, Env.OPENAI_API_KEY: key})
        said = "the key cannot be sent: it holds what no header may"
        assert found == wrong(ABOUT, said, "correct OPENAI_API_KEY")


async def test_models_that_no_key_is_there_for_are_a_warning(provisioned):
    del provisioned[Env.OPENAI_API_KEY]
    assert await complaints(provisioned) == [warning("models", "no provider has a key here", KEYS)]


async def test_a_default_model_without_its_key_is_a_warning(provisioned):
    given = {**provisioned, Env.EXECUTOR_DEFAULT_MODEL: "anthropic:some"}
    said = "agents that name none get anthropic:some, and anthropic has no key here"
    assert await complaints(given) == [warning("models", said, "set its key, or EXECUTOR_DEFAULT_MODEL")]


def test_each_provider_is_shown_its_key_as_it_wants_it():
    settings = ModelSettings.read({Env.OPENAI_API_KEY: "one", Env.ANTHROPIC_API_KEY: "other"})
    assert {each.url: each.headers for each in keys.providers(settings)} == {
        "https://api.openai.com/v1/models": {"Authorization": "Bearer one"},
        "https://api.anthropic.com/v1/models": {"x-api-key": "other", "anthropic-version": "2023-06-01"},
    }


async def test_an_issuer_whose_keys_are_not_there_or_none_is_a_warning(provisioned, tmp_path):
    (tmp_path / "empty.json").write_text('{"keys": []}')
    places = {"one": str(tmp_path / "empty.json"), "other": str(tmp_path / "nowhere.json")}
    issuers = [{"issuer": name, "audience": "us", "jwks": place} for name, place in places.items()]
    assert await complaints({**provisioned, Env.EXECUTOR_AUTH: json.dumps(issuers)}) == [
        warning("tokens of one", f"{places['one']} holds no key that can be used", "docs/security.md says which can"),
        warning(
            "tokens of other",
            f"no keys from {places['other']}: No such file or directory: its callers are not let in",
            "correct jwks in EXECUTOR_AUTH, or let the network policy pass it",
        ),
    ]


@pytest.fixture
def of_image(provisioned, tmp_path):
    """An image with a graph's module and a folder of agents, and the environment that names both."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "langgraph.json").write_text(json.dumps({"graphs": {"mine": "./mine.py:graph"}}))
    return {
        **provisioned,
        Env.EXECUTOR_GRAPHS: str(tmp_path / "langgraph.json"),
        Env.EXECUTOR_AGENTS: str(tmp_path / "agents"),
    }


async def test_a_graph_that_does_not_load_is_wrong_with_its_name_and_the_agents_are_looked_at_all_the_same(
    of_image, tmp_path
):
    (tmp_path / "mine.py").write_text("import nothing_that_is_there")
    (tmp_path / "agents" / "broken.json").write_text("{")
    graphs, agent = await complaints(of_image)
    file = tmp_path / "langgraph.json"
    assert graphs == wrong(
        "graphs",
        f"{file}: graphs.mine: ./mine.py:graph: ModuleNotFoundError(\"No module named 'nothing_that_is_there'\")",
        f"correct the module or {file}, and build the image again",
    )
    assert (agent.about, agent.state) == ("agent broken", "wrong")
    assert agent.help == "correct the file: serve starts with none that is broken"


async def test_a_graph_whose_module_ends_the_process_ends_its_own_line_only(of_image, tmp_path):
    (tmp_path / "mine.py").write_text("import sys; sys.exit('with of-the-image')")
    [found] = await complaints({**of_image, Env.OPENAI_API_KEY: "of-the-image"})
    said = "a module ends the process: SystemExit('with ***')"
    assert (found.about, found.state, found.said) == ("graphs", "wrong", said)


GRAPH = """
from typing import TypedDict
from langgraph.graph import StateGraph

class State(TypedDict):
    text: str

graph = StateGraph(State).add_node("one", lambda state: state).add_edge("__start__", "one")
"""


async def test_an_agent_that_asks_for_what_is_not_here_is_a_warning_and_the_others_can_be_had(of_image, tmp_path):
    (tmp_path / "mine.py").write_text(GRAPH)
    for name, provider in (("good", "openai"), ("poor", "anthropic")):
        config = {"model": {"provider": provider, "model": "some"}}
        definition = {"nodes": [{"id": "agent", "config": config}]}
        (tmp_path / "agents" / f"{name}.json").write_text(json.dumps(definition))
    found = [each for each in await examined(of_image) if each.about.startswith(("graphs", "agent"))]
    assert found == [
        ok("graphs", "loaded: mine"),
        warning(
            "agent poor",
            "model.provider: no key for anthropic here, ANTHROPIC_API_KEY is not set",
            "its jobs fail until this is corrected",
        ),
        ok("agents", "can be had: good"),
    ]


@pytest.mark.parametrize(("apart", "word"), [(60, "behind"), (-60, "ahead of")])
async def test_a_clock_that_is_apart_is_a_warning_in_both_directions(provisioned, apart, word):
    found = await examined(provisioned, lambda: time.time() + apart)
    to_do = "let both follow NTP: jobs go by the database's clock, certificates and tokens by this one's"
    said = f"its clock is 60 s {word} this machine's"
    assert [each for each in found if "clock" in each.about] == [
        warning(f"{server} clock", said, to_do) for server in ("Postgres", "Dragonfly")
    ]
