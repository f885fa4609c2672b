"""What a graph streams, as entries of the job's stream."""

import json

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langgraph.types import Interrupt, Overwrite

from executor.agents.state import as_json
from executor.agents.stream import entry_bodies
from executor.jobs.entries import Entry, as_text, key_of, shown

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
SAYS = AIMessage("Adding.", id="m1", tool_calls=[CALL])
RESULT = ToolMessage("2", tool_call_id="c1", name="add")


def told(kind, data, ns=()):
    return list(entry_bodies({"type": kind, "ns": ns, "data": data}))


def test_a_token_comes_with_its_node_and_the_id_of_its_message():
    chunk, metadata = AIMessageChunk(content="Hel", id="m1"), {"langgraph_node": "model"}
    assert told("messages", (chunk, metadata)) == [("token", "model", {"id": "m1", "text": "Hel"})]
    assert told("messages", (chunk, metadata), ns=("tools:1234", "x:5")) == [
        ("token", "tools/x/model", {"id": "m1", "text": "Hel"})
    ]


@pytest.mark.parametrize("message", [AIMessageChunk(content="", id="m1"), AIMessage("whole"), HumanMessage("hi")])
def test_what_is_no_piece_of_text_is_no_token(message):
    assert told("messages", (message, {})) == []


def test_nodes_start_and_end():
    assert told("tasks", {"id": "1", "name": "model", "input": {}, "triggers": ["x"]}) == [
        ("node_start", "model", {"id": "1"})
    ]


@pytest.mark.parametrize(
    ("error", "expected"), [(None, None), (KeyError("x"), "KeyError('x')"), ("KeyError('x')", "KeyError('x')")]
)
def test_a_node_that_failed_says_why(error, expected):
    ended = {"id": "1", "name": "model", "error": error, "result": {}, "interrupts": []}
    assert told("tasks", ended) == [("node_end", "model", {"id": "1", "error": expected})]


def test_messages_tool_calls_and_results_are_entries_of_their_own():
    assert told("updates", {"model": {"messages": [SAYS]}}) == [
        ("message", "model", as_json(SAYS)),
        ("tool_call", "model", {"id": "c1", "name": "add", "args": {"a": 1}}),
    ]
    assert told("updates", {"tools": {"messages": [RESULT]}}) == [
        ("tool_result", "tools", {"id": "c1", "name": "add", "content": "2"})
    ]


@pytest.mark.parametrize("written", [SAYS, [SAYS], Overwrite([SAYS])])
def test_messages_are_found_however_they_are_written(written):
    assert [kind for kind, _, _ in told("updates", {"model": {"messages": written}})] == ["message", "tool_call"]


def test_other_channels_are_state():
    assert told("updates", {"tools": {"files": {"/a": "x"}, "todos": None}}) == [
        ("state", "tools", {"files": {"/a": "x"}})
    ]


@pytest.mark.parametrize("update", [None, [], "text", {}])
def test_an_update_of_nothing_is_no_entry(update):
    assert told("updates", {"model": update}) == []


def test_an_interrupt_is_told():
    question = Interrupt("sure?", id="1")
    assert told("updates", {"__interrupt__": (question,)}) == [("interrupt", "", as_json(question))]


def test_a_custom_value_is_told_as_json():
    assert told("custom", {"done": (1, 2)}, ns=("tools:1",)) == [("custom", "tools", {"done": [1, 2]})]


@pytest.mark.parametrize("data", [{"a": [1, None]}, 'quotes " and \n lines', "ä 🙂", 2**70, None])
def test_an_entry_is_flat_text_that_can_be_sent_and_read_again(data):
    fields = Entry("th", "j", 2, "custom", "tools", data).fields()
    assert {name: value for name, value in fields.items() if name != "data"} == {
        "job": "j",
        "attempt": "2",
        "type": "custom",
        "node": "tools",
    }
    json.dumps(fields, ensure_ascii=False).encode()
    assert shown(fields) == {"job": "j", "attempt": 2, "type": "custom", "node": "tools", "data": data}


def test_an_entry_that_holds_half_a_surrogate_pair_can_be_sent():
    fields = Entry("th", "j", 1, "custom", "", {"half \ud800": ["\udc00", "\ud83d\ude42"]}).fields()
    as_text(fields).encode()
    assert shown(fields)["data"] == {"half \ufffd": ["\ufffd", "🙂"]}


class Silent(Exception):
    """It cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def test_what_cannot_be_shown_is_told_by_its_class():
    assert told("custom", {"odd": Silent()}) == [("custom", "", {"odd": "<Silent>"})]
    ended = {"id": "1", "name": "model", "error": Silent(), "result": {}, "interrupts": []}
    assert told("tasks", ended) == [("node_end", "model", {"id": "1", "error": "<Silent>"})]


def test_what_json_cannot_say_is_said_as_text():
    assert json.loads(Entry("th", "j", 1, "custom", "", {"x": object}).fields()["data"]) == {"x": "<class 'object'>"}


def test_the_key_is_the_contracts():
    assert key_of("a thread") == "langgraph:stream:a thread"
