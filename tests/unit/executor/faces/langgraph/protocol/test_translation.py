"""Entries become the events of the protocol."""

import pytest

from executor.faces.langgraph.protocol.translation import Translation
from executor.jobs.entries import StreamEntry
from tests.unit.executor.faces.langgraph.protocol.entries import asks, begins, checkpoint, ends, entry

RUNNING = ("lifecycle", (), {"event": "running"})
WHOLE = {
    "type": "ai",
    "data": {
        "type": "ai",
        "id": "m",
        "content": "Hello you.",
        "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}],
        "usage_metadata": {"total_tokens": 3},
        "response_metadata": {"model_name": "big"},
    },
}


def told(*entries):
    translation = Translation()
    return [(event.method, event.namespace, event.data) for each in entries for event in translation.events(each)]


def messages(*entries):
    """What is said of the message `m`, without its id."""
    said = [data for method, _, data in told(*entries) if method == "messages"]
    assert {(data["id"], data["run_id"]) for data in said} == {("m", "m")}
    return [{name: value for name, value in data.items() if name not in {"id", "run_id"}} for data in said]


def token(at, text="", **more):
    return entry(at, "token", {"id": "m", "text": text, **more}, node="model")


def started(index, **content):
    return {"event": "content-block-start", "index": index, "content": content}


def delta(index, **said):
    return {"event": "content-block-delta", "index": index, "delta": said}


def finished(index, **content):
    return {"event": "content-block-finish", "index": index, "content": content}


START = {"event": "message-start", "role": "ai", "metadata": {"langgraph_node": "model"}}
CALL = {"type": "tool_call", "name": "add", "args": {"a": 1}, "id": "c"}
FINISH = {"event": "message-finish", "usage": {"total_tokens": 3}, "metadata": {"model_name": "big"}}


def chunk(args):
    return {"type": "tool_call_chunk", "id": "c", "name": "add", "args": args}


def test_a_message_is_told_piece_by_piece_its_thoughts_its_text_and_its_calls():
    assert messages(
        token(1, reasoning="Hm"),
        token(2, "Hello "),
        token(3, "you."),
        token(4, tool_calls=[{"index": 0, "id": "c", "name": "add", "args": '{"a'}]),
        token(5, tool_calls=[{"index": 0, "args": '": 1}'}]),
        entry(6, "message", WHOLE, node="model"),
    ) == [
        START,
        started(0, type="reasoning", reasoning=""),
        delta(0, type="reasoning-delta", reasoning="Hm"),
        finished(0, type="reasoning", reasoning="Hm"),
        started(1, type="text", text=""),
        delta(1, type="text-delta", text="Hello "),
        delta(1, type="text-delta", text="you."),
        started(2, **chunk("")),
        delta(2, type="block-delta", fields=chunk('{"a')),
        delta(2, type="block-delta", fields=chunk('{"a": 1}')),
        finished(1, type="text", text="Hello you."),
        finished(2, **CALL),
        FINISH,
    ]


def test_a_message_of_which_no_piece_came_is_told_at_once():
    assert messages(entry(1, "message", WHOLE, node="model")) == [
        START | {"metadata": {"langgraph_node": "model", "model": "big"}},
        started(0, type="text", text=""),
        delta(0, type="text-delta", text="Hello you."),
        started(1, **chunk("")),
        delta(1, type="block-delta", fields=chunk('{"a": 1}')),
        finished(0, type="text", text="Hello you."),
        finished(1, **CALL),
        FINISH,
    ]


def test_what_a_message_says_after_it_is_whole_is_passed_over_and_lost_pieces_are_in_its_end():
    told_of = messages(token(1, "you."), entry(2, "message", WHOLE, node="model"), token(3, usage={"total_tokens": 3}))
    assert told_of[3] == finished(0, type="text", text="Hello you.")
    assert told_of[-1] == FINISH


def test_long_arguments_are_not_told_anew_with_each_piece():
    """As each delta has all so far, that would be the square of them."""
    pieces = [token(at, tool_calls=[{"index": 0, "id": "c", "name": "add", "args": "x" * 4}]) for at in range(1, 2001)]
    said = [data["delta"]["fields"]["args"] for data in messages(*pieces) if data["event"] == "content-block-delta"]
    assert sum(map(len, said)) < 10 * 8000
    assert said == sorted(said, key=len)


def test_arguments_that_are_no_json_are_an_invalid_call():
    broken = {"type": "ai", "data": {"type": "ai", "id": "m", "content": ""}}
    [*_, end, _] = messages(
        token(1, tool_calls=[{"index": 0, "id": "c", "name": "add", "args": "{"}]), entry(2, "message", broken)
    )
    content = {"type": "invalid_tool_call", "id": "c", "name": "add", "args": "{", "error": None}
    assert end == finished(0, **content)


def test_a_run_is_running_and_completed_and_its_last_values_are_told_before():
    last = {"id": "2", "parent_id": None, "step": 0, "source": "loop"}
    translation = Translation()
    events = [event for each in (begins(1), checkpoint(2, "2"), ends(3)) for event in translation.events(each)]
    assert [(event.method, event.data, event.checkpoint, event.run) for event in events] == [
        ("lifecycle", {"event": "running"}, None, "j"),
        ("checkpoints", last, None, None),
        ("values", None, last, None),
        ("values", None, last, None),
        ("lifecycle", {"event": "completed"}, None, "j"),
    ]


@pytest.mark.parametrize(("status", "word"), [("failed", "failed"), ("cancelled", "interrupted")])
def test_a_run_ends_in_the_protocols_words(status, word):
    assert told(begins(1), ends(2, status)) == [RUNNING, ("lifecycle", (), {"event": word})]


def test_the_end_of_a_job_that_was_called_off_before_its_turn_ends_not_the_run_that_is_at_work():
    assert told(begins(1), ends(2, "cancelled", job="k"), ends(3)) == [
        RUNNING,
        ("lifecycle", (), {"event": "completed"}),
    ]


def test_questions_are_told_each_once_and_the_run_waits():
    question = {"interrupt_id": "i", "value": "Sure?", "payload": "Sure?"}
    assert told(begins(1), asks(2, "i", ns="tools:1"), asks(3, "i"), asks(4, "i"), asks(5, "k")) == [
        RUNNING,
        ("lifecycle", ("tools:1",), {"event": "started", "graph_name": "tools"}),
        ("input.requested", (), question),
        ("lifecycle", (), {"event": "interrupted"}),
        ("input.requested", (), question | {"interrupt_id": "k"}),
    ]


def test_a_retry_breaks_off_what_was_said_and_begins_anew():
    broken = {"event": "error", "id": "m", "run_id": "m", "message": "the attempt that wrote it has failed"}
    assert told(begins(1), token(2, "Hel"), entry(3, "attempt", {"attempt": 2}))[-2:] == [
        ("messages", (), broken),
        RUNNING,
    ]


def test_a_graph_inside_another_starts_when_it_is_heard_and_ends_with_its_node():
    inner = ("tools:7", "model:8")
    node = {"id": "7", "name": "tools"}
    assert told(
        entry(1, "node_start", {"id": "7"}, "tools"),
        entry(2, "custom", 1, "tools/model", "tools:7|model:8"),
        entry(3, "node_end", {"id": "7", "error": None}, "tools"),
        entry(4, "custom", 2, "tools", "tools:9"),
        entry(5, "node_end", {"id": "9", "error": "ValueError()"}, "tools"),
    ) == [
        ("tasks", (), node),
        ("lifecycle", inner[:1], {"event": "started", "graph_name": "tools"}),
        ("lifecycle", inner, {"event": "started", "graph_name": "model"}),
        ("custom", inner, {"payload": 1}),
        ("lifecycle", inner, {"event": "completed"}),
        ("lifecycle", inner[:1], {"event": "completed"}),
        ("tasks", (), node | {"error": None, "result": {}, "interrupts": []}),
        ("lifecycle", ("tools:9",), {"event": "started", "graph_name": "tools"}),
        ("custom", ("tools:9",), {"payload": 2}),
        ("lifecycle", ("tools:9",), {"event": "failed", "error": "ValueError()"}),
        ("tasks", (), {"id": "9", "name": "tools", "error": "ValueError()", "result": {}, "interrupts": []}),
    ]


def test_tools_start_and_finish_or_fail():
    result = {"id": "c", "name": "add", "status": "success", "content": "3"}
    message = {"type": "tool", "tool_call_id": "c", "name": "add", "content": "3", "status": "success"}
    call = {"tool_call_id": "c", "tool_name": "add"}
    assert told(
        entry(1, "tool_call", {"id": "c", "name": "add", "args": {"a": 1}}, "model"),
        entry(2, "tool_result", result, "tools"),
        entry(3, "tool_result", result | {"status": "error"}, "tools"),
    ) == [
        ("tools", (), {"event": "tool-started", **call, "input": {"a": 1}}),
        ("tools", (), {"event": "tool-finished", **call, "output": message}),
        ("updates", (), {"node": "tools", "values": {"messages": [message]}}),
        ("tools", (), {"event": "tool-error", **call, "message": "3"}),
        ("updates", (), {"node": "tools", "values": {"messages": [message | {"status": "error"}]}}),
    ]


def test_what_a_node_wrote_and_what_it_told_beside_it():
    named = {"name": "progress", "payload": 1}
    assert told(entry(1, "state", {"n": 1}, "add"), entry(2, "custom", named), entry(3, "custom", [1])) == [
        ("updates", (), {"node": "add", "values": {"n": 1}}),
        ("custom", (), named),
        ("custom", (), {"payload": [1]}),
    ]


def test_what_it_does_not_know_it_passes_over():
    assert told(entry(1, "gap", {"dropped": 1}), entry(2, "news of a later release", {})) == []


def test_of_an_earlier_image_only_what_its_root_says_is_told():
    """Its entries do not say which of two graphs inside speaks."""
    inside, root = [
        StreamEntry(each.place, {name: text for name, text in each.fields.items() if name != "ns"})
        for each in (entry(1, "state", {"n": 1}, "tools/model"), entry(2, "state", {"n": 2}, "model"))
    ]
    assert told(inside, root) == [("updates", (), {"node": "model", "values": {"n": 2}})]
