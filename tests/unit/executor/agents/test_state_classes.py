"""Classes of a state that do not come back from a checkpoint as themselves."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict
from uuid import UUID

import pytest
from langchain_core.documents import Document
from langgraph.channels.untracked_value import UntrackedValue
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.managed import RemainingSteps
from pydantic import BaseModel

from executor.agents.build import build
from executor.agents.definition import read
from executor.agents.state_classes import lost
from executor.checkpoints import strict
from executor.checkpoints.langgraph_internals import reads_back
from tests.unit.executor.agents.test_build import SETTINGS
from tests.unit.executor.agents.test_definition import node, typed

HERE = __name__


class Item(BaseModel):
    n: int


@dataclasses.dataclass
class Box:
    n: int


class Colour(Enum):
    RED = "red"


class Plain:
    pass


class Tree(TypedDict):
    items: list[Item]
    children: "list[Tree]"


class Strange(TypedDict):
    item: Item | None
    boxes: dict[str, list[Box]]
    colour: NotRequired[Colour]
    tree: Annotated[Tree, "merged"]
    plain: NewType("Given", Plain)  # type: ignore[valid-type]
    connection: Annotated[Plain, UntrackedValue]


class Fine(MessagesState):
    when: datetime
    ids: set[UUID]
    documents: Sequence[Document]
    word: Literal["a", "b"]
    anything: Any
    left: RemainingSteps


class Model(BaseModel):
    item: Item


def graph(schema):
    return StateGraph(schema).add_node("a", lambda _: {}).add_edge(START, "a").compile()


def test_each_class_that_is_lost_is_named_with_its_channel():
    assert lost(graph(Strange), reads_back) == {
        "item": [f"{HERE}.Item"],
        "boxes": [f"{HERE}.Box"],
        "colour": [f"{HERE}.Colour"],
        "tree": [f"{HERE}.Item"],
        "plain": [f"{HERE}.Plain"],
    }


@pytest.mark.parametrize("schema", [Fine, Model])
def test_a_state_of_json_and_messages_or_a_pydantic_model_loses_nothing(schema):
    assert lost(graph(schema), reads_back) == {}


@pytest.mark.parametrize("made", [typed("orchestrator", "a"), node("a", state_schema={"notes": {"type": "list"}})])
def test_a_definition_loses_nothing(made):
    assert lost(build(read({"nodes": [made]}), SETTINGS), reads_back) == {}


@pytest.mark.parametrize(
    "value",
    [Item(n=1), Box(1), Colour.RED, datetime(2026, 1, 1), UUID(int=1), Document("x"), {1}, b"x", 1.5],  # noqa: DTZ001
)
def test_what_is_said_to_come_back_is_what_the_serializer_gives_back(value):
    serializer = strict()
    back = serializer.loads_typed(serializer.dumps_typed(value))
    assert (back == value and type(back) is type(value)) == reads_back(type(value))
