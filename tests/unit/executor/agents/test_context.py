"""The context of a job: what its graph declares, with defaults, or the sender's error."""

import dataclasses
from datetime import date
from typing import NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from executor.agents.agents import Agents
from executor.agents.context import read, reader
from executor.errors import Rejected
from executor.jobs.claims import Claim
from executor.jobs.job import Completed, JobRequest
from executor.settings import ModelSettings
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio


@dataclasses.dataclass
class Limits:
    most: int


@dataclasses.dataclass
class Data:
    user: str
    since: date = date(2026, 1, 1)
    limits: Limits = dataclasses.field(default_factory=lambda: Limits(3))
    salt: dataclasses.InitVar[int] = 0

    def __post_init__(self, salt):
        if salt == 13:
            raise OSError("no luck")


class Typed(TypedDict):
    user: str
    since: NotRequired[date]


class Wider(Typed, total=False):
    more: int


class Model(BaseModel):
    user: str = Field(min_length=2)
    since: date = date(2026, 1, 1)


class Misspelt(TypedDict):
    lock: "Nowhere"  # type: ignore[name-defined] # noqa: F821


class Said(TypedDict):
    said: str


class Lock:
    pass


@dataclasses.dataclass
class NoJson:
    lock: Lock


@dataclasses.dataclass
class Unresolved:
    lock: "Nowhere"  # type: ignore[name-defined] # noqa: F821


def given_to(schema, context):
    return read(reader(schema), schema, context)


def refusal(schema, context):
    with pytest.raises(Rejected) as caught:
        given_to(schema, context)
    assert caught.value.reason == "invalid_context"
    return str(caught.value)


@pytest.mark.parametrize(
    ("schema", "context", "value"),
    [
        (Data, {"user": "u"}, Data("u", date(2026, 1, 1), Limits(3))),
        (Data, {"user": "u", "since": "2026-02-03", "limits": {"most": 7}}, Data("u", date(2026, 2, 3), Limits(7))),
        (Limits, {"most": "7"}, Limits(7)),
        (Typed, {"user": "u", "more": 1}, {"user": "u", "more": 1}),
        (Typed, {"user": "u", "since": "2026-02-03"}, {"user": "u", "since": date(2026, 2, 3)}),
        (Wider, {"user": "u", "more": 1}, {"user": "u", "more": 1}),
        (Wider, {"user": "u"}, {"user": "u"}),
        (Model, {"user": "me", "more": 1}, Model(user="me")),
    ],
)
def test_a_context_becomes_what_the_schema_says_with_its_defaults(schema, context, value):
    assert given_to(schema, context) == value
    assert type(given_to(schema, context)) is type(value)


@pytest.mark.parametrize("context", [None, {}, {"any": ["thing"]}])
@pytest.mark.parametrize("schema", [None, Lock, NoJson, Unresolved, Misspelt])
def test_without_a_schema_that_reads_json_a_context_is_handed_on_as_langgraph_does(schema, context):
    assert given_to(schema, context) == context


@pytest.mark.parametrize(
    ("schema", "context", "complaint"),
    [
        (Data, None, "data.context.user: is missing"),
        (Typed, None, "data.context.user: is missing"),
        (Wider, {"more": 1}, "data.context.user: is missing"),
        (Model, {}, "data.context.user: is missing"),
        (Data, {"user": 5}, "data.context.user: must be a string"),
        (Data, {"user": "u", "limits": {}}, "data.context.limits.most: is missing"),
        (Typed, {"user": None}, "data.context.user: must be a string"),
        (Model, {"user": "u"}, "data.context.user: must have at least 2 characters"),
        (Data, {"user": "u", "moer": 1}, "data.context.moer: is none of the graph's"),
        (Data, {"user": "u", "salt": 13}, "data.context: OSError('no luck')"),
    ],
)
def test_what_is_missing_or_wrong_is_the_senders_error_with_its_path(schema, context, complaint):
    assert refusal(schema, context) == complaint


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@given(
    st.dictionaries(st.sampled_from(["user", "since", "limits", "salt", "x"]), JSON),
    st.sampled_from([Data, Typed, Model]),
)
def test_whatever_json_a_context_is_it_is_taken_or_refused(context, schema):
    try:
        given_to(schema, context)
    except Rejected as refused:
        complaint = str(refused)
    else:
        complaint = "data.context"
    assert complaint.startswith("data.context")


async def test_a_graph_finds_the_context_in_its_runtime_and_a_job_that_lacks_it_is_refused():
    async def greet(state: Said, *, runtime: Runtime[Data]) -> Said:
        return {"said": f"{state['said']}{runtime.context.user} {runtime.context.limits.most}"}

    builder = StateGraph(Said, context_schema=Data)
    graph = builder.add_node("greet", greet).add_edge(START, "greet").compile()
    agents = Agents(ModelSettings.read({}), lambda _: InMemorySaver(), {"greet": graph})
    asked = JobRequest("j", "j", {"graph": "greet"}, {"said": ""}, context={"user": "u"})
    run = await agents.open(asked, Claim("j", 1, 1, 0.0, EPOCH), lambda _: None)
    assert await run.finish() == Completed(None, {"said": "u 3"})
    lacking = dataclasses.replace(asked, context=None)
    with pytest.raises(Rejected, match=r"data\.context\.user: is missing"):
        await agents.check(lacking)
    with pytest.raises(Rejected, match=r"data\.context\.user: is missing"):
        await agents.open(lacking, Claim("j", 1, 1, 0.0, EPOCH), lambda _: None)
