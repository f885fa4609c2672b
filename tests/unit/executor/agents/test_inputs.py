"""Messages of an input: what can never be one is refused by its place."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from executor.agents.inputs import check, taken
from executor.agents.state import as_json
from executor.errors import Rejected


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"files": {}},
        {"messages": []},
        {"messages": "hi"},
        {"messages": {"role": "user", "content": "hi"}},
        {
            "messages": [
                {"role": "user", "content": "hi"},
                {"type": "human", "content": [{"type": "text", "text": "x"}]},
            ]
        },
        {"messages": [["user", "hi"], "hi"]},
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [{"name": "x", "args": {}, "id": "1"}]}]},
    ],
)
def test_what_langchain_takes_is_taken(payload):
    check(payload)


SAID = [
    SystemMessage("Be kind.", id="0"),
    HumanMessage("hi", id="1", name="ann"),
    AIMessage(
        [{"type": "text", "text": "Adding."}],
        id="2",
        tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    ToolMessage("2", id="3", tool_call_id="c", artifact={"a": [1]}),
    AIMessageChunk(content="2", id="4"),
]


def test_the_messages_of_a_final_state_are_taken_as_the_messages_that_they_were():
    plain = {"role": "user", "content": "and now?"}
    payload = as_json({"messages": SAID, "files": {}}) | {"more": 1}
    payload["messages"].append(plain)
    assert taken(payload) == {"messages": [*SAID, plain], "files": {}, "more": 1}
    assert taken({"messages": as_json(SAID[1])}) == {"messages": SAID[1]}


@pytest.mark.parametrize(
    "payload", [{}, {"messages": "hi"}, {"messages": [["user", "hi"], {"role": "ai", "content": ""}]}]
)
def test_any_other_input_is_taken_as_it_is(payload):
    assert taken(payload) == payload


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (
            [{"type": "wizard", "data": {}}],
            "data.input_payload.messages[0]: is no message: Got unexpected message type",
        ),
        ([{"type": "human", "data": {}}], "data.input_payload.messages[0].data.content.str: must be a string"),
        (
            [{"type": "human", "data": {"content": 5}}],
            "data.input_payload.messages[0].data.content.str: must be a string",
        ),
        ([{"type": "human", "data": None}], "data.input_payload.messages[0]: is no message: "),
        (5, "data.input_payload.messages: is no message: Unsupported message type: <class 'int'>"),
        (None, "data.input_payload.messages: is no message: Unsupported message type: <class 'NoneType'>"),
        (["hi", 5], "data.input_payload.messages[1]: is no message: Unsupported message type: <class 'int'>"),
        (
            [{"role": "wizard", "content": "x"}],
            "data.input_payload.messages[0]: is no message: Unexpected message ",
        ),
        ([{"role": "user"}], "data.input_payload.messages[0]: is no message: Message dict must contain 'role' and "),
        ([{"role": "tool", "content": "x"}], "data.input_payload.messages[0]: is no message: 'tool_call_id'"),
        ([{"role": "user", "content": 5}], "data.input_payload.messages[0].content.str: must be a string"),
    ],
)
def test_what_is_no_message_is_refused_by_its_place(messages, complaint):
    with pytest.raises(Rejected) as caught:
        check({"messages": messages})
    assert caught.value.reason == "invalid_input"
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)
