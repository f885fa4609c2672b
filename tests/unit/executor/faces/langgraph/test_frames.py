"""Entries as the frames of run streams."""

import json

import pytest

from executor.faces.langgraph.frames import Frame, Frames, Look
from executor.jobs.entries import Place, StreamEntry

ABOUT = {"langgraph_node": "model", "langgraph_checkpoint_ns": "", "checkpoint_ns": "", "run_id": "r", "thread_id": "t"}


def entry(kind, data, node="", ns="", attempt=1):
    fields = {"job": "r", "attempt": str(attempt), "type": kind, "node": node, "ns": ns, "data": json.dumps(data)}
    return StreamEntry(Place(1, 0), fields)


def frames(*entries, modes, subgraphs=False):
    made = Frames("r", "t", frozenset(modes), subgraphs)
    return [frame for each in entries for frame in made.of(each)]


def piece(text, **more):
    return {
        "type": "AIMessageChunk",
        "id": "m1",
        "content": text,
        "invalid_tool_calls": [],
        "tool_call_chunks": [],
        "name": None,
        "additional_kwargs": {},
        "response_metadata": {},
        "tool_calls": [],
        "usage_metadata": None,
        **more,
    }


def dumped(kind, **fields):
    return {"type": kind, "data": {"type": kind, **fields}}


def test_a_token_is_a_piece_of_a_message_and_where_it_comes_from():
    assert frames(entry("token", {"id": "m1", "text": "Hel"}, "model"), modes=["messages-tuple"]) == [
        Frame("messages", [piece("Hel"), ABOUT])
    ]


def test_a_piece_tells_reasoning_tool_calls_usage_and_the_model():
    said = {
        "id": "m1",
        "text": "",
        "reasoning": "Hm.",
        "tool_calls": [{"index": 0, "id": "c1", "name": "add", "args": ""}, {"index": 0, "args": "{"}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        "model": "small",
    }
    [frame] = frames(entry("token", said, "model"), modes=["messages-tuple"])
    assert frame.data[0] == piece(
        "",
        additional_kwargs={"reasoning_content": "Hm."},
        response_metadata={"model_name": "small"},
        usage_metadata=said["usage"],
        tool_call_chunks=[
            {"type": "tool_call_chunk", "index": 0, "id": "c1", "name": "add", "args": ""},
            {"type": "tool_call_chunk", "index": 0, "id": None, "name": None, "args": "{"},
        ],
    )


def test_a_whole_message_is_told_only_to_those_who_have_not_read_its_pieces():
    whole = [entry("message", dumped("ai", id=name, content="Hel"), "model") for name in ("m1", "m2")]
    assert frames(entry("token", {"id": "m1", "text": "Hel"}, "model"), *whole, modes=["messages-tuple"])[1:] == [
        Frame("messages", [{"type": "ai", "id": "m2", "content": "Hel"}, ABOUT])
    ]


def test_messages_in_the_older_form_grow_and_are_complete():
    told = [entry("token", {"id": "m1", "text": text}, "model") for text in ("Hel", "lo")]
    made = frames(*told, entry("message", dumped("ai", id="m1", content="Hello"), "model"), modes=["messages"])
    assert [frame.event for frame in made] == [
        "messages/metadata",
        "messages/partial",
        "messages/partial",
        "messages/complete",
    ]
    assert made[0].data == {"m1": {"metadata": ABOUT}}
    assert [frame.data[0]["content"] for frame in made[1:]] == ["Hel", "Hello", "Hello"]
    assert {frame.data[0]["type"] for frame in made[1:]} == {"ai"}


def test_a_tools_result_is_a_message_with_its_own_id():
    result = {"id": "c1", "name": "add", "status": "success", "content": "2", "message_id": "m3"}
    [frame] = frames(entry("tool_result", result, "tools"), modes=["messages-tuple"])
    assert frame.data[0] == {
        "type": "tool",
        "id": "m3",
        "content": "2",
        "name": "add",
        "tool_call_id": "c1",
        "status": "success",
    }


def test_what_a_node_wrote_is_one_update_when_it_ends():
    entries = [
        entry("node_start", {"id": "1"}, "model"),
        entry("message", dumped("ai", id="m1", content="Hi"), "model"),
        entry("state", {"n": 1}, "model"),
        entry("node_end", {"id": "1", "error": None}, "model"),
        entry("node_end", {"id": "2", "error": None}, "idle"),
    ]
    update = {"messages": [{"type": "ai", "id": "m1", "content": "Hi"}], "n": 1}
    assert frames(*entries, modes=["updates"]) == [
        Frame("updates", {"model": update}),
        Frame("updates", {"idle": None}),
    ]
    assert frames(*entries[:4], modes=["tasks"]) == [
        Frame("tasks", {"id": "1", "name": "model"}),
        Frame("tasks", {"id": "1", "name": "model", "error": None, "result": update, "interrupts": []}),
    ]


def test_a_node_that_failed_and_what_its_attempt_wrote_are_no_update():
    entries = [
        entry("state", {"n": 1}, "a"),
        entry("node_end", {"id": "1", "error": "no"}, "a"),
        entry("state", {"n": 1}, "b"),
        entry("attempt", {"attempt": 2}, attempt=2),
        entry("state", {"m": 2}, "b"),
        entry("node_end", {"id": "2", "error": None}, "b"),
    ]
    assert frames(*entries, modes=["updates"]) == [
        Frame("metadata", {"run_id": "r", "thread_id": "t", "attempt": 2}),
        Frame("updates", {"b": {"m": 2}}),
    ]


def test_a_question_is_an_update():
    asked = {"id": "i1", "value": "Well?"}
    assert frames(entry("interrupt", asked), modes=["updates"]) == [Frame("updates", {"__interrupt__": [asked]})]


def test_a_node_that_asks_has_no_update():
    entries = [
        entry("interrupt", {"id": "i1", "value": 1}),
        entry("node_end", {"id": "1", "error": None}, "ask"),
        entry("node_end", {"id": "2", "error": None}, "other"),
    ]
    assert frames(*entries, modes=["updates"])[1:] == [Frame("updates", {"other": None})]


def test_graphs_inside_are_told_of_by_their_namespace_where_that_is_asked_for():
    inside = [
        entry("custom", 1, "tools/x", ns="tools:1|x:2"),
        entry("state", {"n": 1}, "tools/a", ns="tools:1"),
        entry("node_end", {"id": "1", "error": None}, "tools/a", ns="tools:1"),
    ]
    modes = ["custom", "updates"]
    assert frames(*inside, modes=modes) == []
    assert frames(*inside, modes=modes, subgraphs=True) == [
        Frame("custom|tools:1|x:2", 1),
        Frame("updates|tools:1", {"a": {"n": 1}}),
    ]


def test_values_and_checkpoints_are_looked_for_where_they_are_asked_for():
    told = entry("checkpoint", {"id": "c1", "parent_id": None, "step": 0, "source": "loop"}, ns="x:1")
    assert frames(told, modes=["values", "checkpoints"], subgraphs=True) == [
        Look("values|x:1", "x:1", "c1"),
        Look("checkpoints|x:1", "x:1", "c1"),
    ]
    assert frames(told, modes=["updates"], subgraphs=True) == []


def test_what_a_run_came_to_has_what_it_asks():
    values = Frames("r", "t").values({"n": 1}, [{"id": "i1", "value": 1}])
    assert list(values) == [Frame("values", {"n": 1, "__interrupt__": [{"id": "i1", "value": 1}]})]
    assert list(Frames("r", "t", frozenset({"updates"})).values({"n": 1})) == []


@pytest.mark.parametrize("kind", ["start", "tool_call", "gap", "end", "of a later release"])
def test_other_entries_make_no_frame(kind):
    modes = ["values", "updates", "messages", "messages-tuple", "custom", "tasks", "checkpoints"]
    assert frames(entry(kind, {}), modes=modes, subgraphs=True) == []


def test_entries_of_earlier_images_have_no_namespace():
    fields = {"job": "r", "attempt": "1", "type": "custom", "node": "tools/x", "data": "1"}
    assert list(Frames("r", "t", frozenset({"custom"})).of(StreamEntry(Place(1, 0), fields))) == [Frame("custom", 1)]
