"""Every call of a model comes through its gate, whoever makes it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListChatModel, LangSmithParams
from langchain_core.messages import HumanMessage
from pydantic import Field

from executor.agents.definition import Model
from executor.agents.gates import Gates
from executor.agents.models import chat_model, gate_of
from executor.errors import GateClosed
from executor.jobs.gate import REFUSALS
from executor.settings import ModelSettings

pytestmark = pytest.mark.anyio


class Provider(FakeListChatModel):
    """A model that answers, or raises `error`; `calls` counts."""

    responses: list[str] = Field(default_factory=lambda: ["yes"])
    error: Any = None
    calls: list[int] = Field(default_factory=list)
    base_url: str = "http://here"

    @property
    def lc_attributes(self):
        return {"base_url": self.base_url}

    @classmethod
    def is_lc_serializable(cls):
        return True

    def _get_ls_params(self, stop=None, **_):  # noqa: ARG002 - LangChain's signature
        return LangSmithParams(ls_provider="fake", ls_model_name="one")

    def _call(self, *args, **more):
        self.calls.append(1)
        if self.error is not None:
            raise self.error
        return super()._call(*args, **more)


class Refused(Exception):
    def __init__(self, status_code):
        self.status_code = status_code


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


NAME = "fake one http://here"


async def call(model, gates):
    gates.watch()
    return await model.ainvoke([HumanMessage("?")])


async def fail(model, gates, error, times=1):
    failing = model.model_copy(update={"error": error, "calls": model.calls})
    for _ in range(times):
        with pytest.raises(type(error)):
            await call(failing, gates)


async def call_in_a_thread(model, gates):
    gates.watch()
    return await asyncio.to_thread(model.invoke, [HumanMessage("?")])


@pytest.mark.parametrize("ask", [call, call_in_a_thread])
async def test_after_five_refusals_the_next_call_is_not_made(ask):
    model, gates = Provider(calls=[]), Gates(Clock())
    await fail(model, gates, Refused(503), REFUSALS)
    with pytest.raises(GateClosed) as refused:
        await ask(model, gates)
    assert (refused.value.gate, refused.value.cause, len(model.calls)) == (NAME, "Refused", REFUSALS)
    with pytest.raises(GateClosed):
        gates.check(NAME)


async def test_a_probe_that_succeeds_opens_it_and_that_is_news_once():
    clock = Clock()
    model, gates = Provider(calls=[]), Gates(clock)
    await fail(model, gates, Refused(429), REFUSALS)
    clock.now = 60.0
    gates.check(NAME)
    assert (await call(model, gates)).text == "yes"
    assert [gates.opened(), gates.opened()] == [[NAME], []]
    await call(model, gates)
    assert gates.opened() == []
    gates.put_back([NAME])
    assert gates.opened() == [NAME]


@pytest.mark.parametrize("status", [400, 401, 402, 413])
async def test_a_provider_that_refuses_the_request_itself_is_there(status):
    model, gates = Provider(calls=[]), Gates(Clock())
    await fail(model, gates, Refused(503), REFUSALS - 1)
    await fail(model, gates, Refused(status))
    await fail(model, gates, Refused(503))
    gates.check(NAME)


async def test_models_and_addresses_have_gates_of_their_own():
    model, gates = Provider(calls=[]), Gates(Clock())
    await fail(model, gates, Refused(503), REFUSALS)
    assert (await call(Provider(calls=[], base_url="http://there"), gates)).text == "yes"


async def test_a_gate_that_turns_a_call_away_is_no_warning_of_langchains(caplog):
    model, gates = Provider(calls=[]), Gates(Clock())
    await fail(model, gates, Refused(503), REFUSALS)
    caplog.clear()
    with pytest.raises(GateClosed):
        await call(model, gates)
    assert caplog.messages == []


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("address", [None, "http://here/v1"])
def test_the_gate_of_a_definition_is_the_one_that_its_model_comes_to(provider, address):
    given = {f"{provider.upper()}_API_KEY": "x", **({f"{provider.upper()}_BASE_URL": address} if address else {})}
    settings = ModelSettings.read(given)
    wanted = Model(provider=provider, model="one")
    model = chat_model(wanted, settings)
    gates = Gates(Clock())
    for _ in range(REFUSALS):
        call_id = uuid4()
        start = gates.on_chat_model_start
        start(model._serialized, [], run_id=call_id, metadata=dict(model._get_ls_params()))
        gates.leave(call_id, Refused(503))
    with pytest.raises(GateClosed):
        gates.check(gate_of(wanted, settings))
