"""What a graph streams, as entries of the job's stream."""

import json

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langgraph.types import Interrupt, Overwrite

from executor.agents.state import as_json
from executor.agents.stream import entry_bodies
from executor.jobs.entries import Entry, EntryBody, as_text, key_of, shown

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
SAYS = AIMessage("Adding.", id="m1", tool_calls=[CALL])
RESULT = ToolMessage("2", tool_call_id="c1", name="add")


def bodies(kind, data, ns=()):
    return list(entry_bodies({"type": kind, "ns": ns, "data": data}))


def told(kind, data):
    found = bodies(kind, data)
    assert {body.ns for body in found} <= {""}
    return [(body.type, body.node, body.data) for body in found]


def piece(**more):
    return AIMessageChunk(**{"content": "", "id": "m1"} | more)


def said(chunk, **metadata):
    return [data for _, _, data in told("messages", (chunk, metadata))]


def test_a_token_comes_with_its_node_and_the_id_of_its_message():
    chunk, metadata = AIMessageChunk(content="Hel", id="m1"), {"langgraph_node": "model"}
    assert told("messages", (chunk, metadata)) == [("token", "model", {"id": "m1", "text": "Hel"})]


def test_an_entry_tells_the_ids_of_the_graphs_that_lead_to_it():
    chunk, metadata = AIMessageChunk(content="Hel", id="m1"), {"langgraph_node": "model"}
    assert bodies("messages", (chunk, metadata), ns=("tools:1234", "x:5")) == [
        EntryBody("token", "tools/x/model", {"id": "m1", "text": "Hel"}, "tools:1234|x:5")
    ]
    assert bodies("updates", {"a": {"n": 1}}, ns=("tools:1",)) == [EntryBody("state", "tools/a", {"n": 1}, "tools:1")]
    assert bodies("custom", 1, ns=("tools:1",)) == [EntryBody("custom", "tools", 1, "tools:1")]


@pytest.mark.parametrize("message", [piece(), AIMessage("whole"), HumanMessage("hi")])
def test_what_is_no_piece_of_a_message_is_no_token(message):
    assert told("messages", (message, {})) == []


@pytest.mark.parametrize(
    ("content", "beside"),
    [
        ([{"type": "thinking", "thinking": "Hm.", "index": 0}], {}),
        ([{"type": "thinking", "thinking": None, "signature": "x"}, {"type": "reasoning", "reasoning": "Hm."}], {}),
        ([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "id": "r"}], {}),
        ("", {"reasoning_content": "Hm."}),
    ],
)
def test_a_token_tells_what_the_model_thinks(content, beside):
    assert said(piece(content=content, additional_kwargs=beside)) == [{"id": "m1", "text": "", "reasoning": "Hm."}]


def test_text_in_blocks_is_text():
    assert said(piece(content=[{"type": "text", "text": "Hel", "index": 0}])) == [{"id": "m1", "text": "Hel"}]


def test_a_token_tells_the_pieces_of_a_tool_call():
    begin = {"name": "add", "args": "", "id": "c1", "index": 0, "type": "tool_call_chunk"}
    assert said(piece(tool_call_chunks=[begin])) == [
        {"id": "m1", "text": "", "tool_calls": [{"index": 0, "id": "c1", "name": "add", "args": ""}]}
    ]
    further = {"name": None, "args": '{"a"', "id": None, "index": 0, "type": "tool_call_chunk"}
    assert said(piece(tool_call_chunks=[further])) == [
        {"id": "m1", "text": "", "tool_calls": [{"index": 0, "args": '{"a"'}]}
    ]


def test_a_token_tells_what_the_call_used_and_of_which_model():
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert said(piece(usage_metadata=usage), ls_model_name="asked-for") == [
        {"id": "m1", "text": "", "usage": usage, "model": "asked-for"}
    ]
    assert said(piece(response_metadata={"model_name": "real", "model_provider": "x"}), ls_model_name="asked-for") == [
        {"id": "m1", "text": "", "model": "real"}
    ]
    assert said(piece(content="Hel", response_metadata={"model_provider": "x"}), ls_model_name="asked-for") == [
        {"id": "m1", "text": "Hel"}
    ]


def test_a_checkpoint_is_told_without_what_it_holds():
    def at(identity):
        return {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": identity}}

    first = {"config": at("1"), "parent_config": None, "metadata": {"source": "input", "step": -1, "parents": {}}}
    assert told("checkpoints", first | {"values": {"n": 1}, "next": ["a"], "tasks": []}) == [
        ("checkpoint", "", {"id": "1", "parent_id": None, "step": -1, "source": "input"})
    ]
    second = {"config": at("2"), "parent_config": at("1"), "metadata": {"source": "loop", "step": 0, "parents": {}}}
    assert bodies("checkpoints", second | {"values": {}, "next": [], "tasks": []}, ns=("tools:1",)) == [
        EntryBody("checkpoint", "tools", {"id": "2", "parent_id": "1", "step": 0, "source": "loop"}, "tools:1")
    ]


def test_a_result_says_whether_the_tool_failed():
    failed = ToolMessage("no", tool_call_id="c1", name="add", status="error")
    assert told("updates", {"tools": {"messages": [failed]}}) == [
        ("tool_result", "tools", {"id": "c1", "name": "add", "status": "error", "content": "no"})
    ]


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
        ("tool_result", "tools", {"id": "c1", "name": "add", "status": "success", "content": "2"})
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
    assert told("custom", {"done": (1, 2)}) == [("custom", "", {"done": [1, 2]})]


@pytest.mark.parametrize("data", [{"a": [1, None]}, 'quotes " and \n lines', "ä 🙂", 2**70, None])
def test_an_entry_is_flat_text_that_can_be_sent_and_read_again(data):
    fields = Entry("th", "j", 2, "custom", "tools", data, "tools:1").fields()
    assert {name: value for name, value in fields.items() if name != "data"} == {
        "job": "j",
        "attempt": "2",
        "type": "custom",
        "node": "tools",
        "ns": "tools:1",
    }
    json.dumps(fields, ensure_ascii=False).encode()
    whole = {"job": "j", "attempt": 2, "type": "custom", "node": "tools", "ns": "tools:1", "data": data}
    assert shown(fields) == json.loads(as_text(fields)) == whole


def test_an_entry_of_an_earlier_image_has_no_namespace():
    fields = {"job": "j", "attempt": "2", "type": "custom", "node": "tools", "data": "1"}
    whole = {"job": "j", "attempt": 2, "type": "custom", "node": "tools", "data": 1}
    assert shown(fields) == json.loads(as_text(fields)) == whole


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


def test_a_tools_result_tells_the_id_that_its_message_has_in_the_state():
    message = ToolMessage("2", tool_call_id="c1", name="add", id="m2")
    assert told("updates", {"tools": {"messages": [message]}}) == [
        (
            "tool_result",
            "tools",
            {"id": "c1", "name": "add", "status": "success", "message_id": "m2", "content": "2"},
        )
    ]
