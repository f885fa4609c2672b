"""Messages of an input: what can never be one is refused by its place."""

import pytest

from executor.agents.inputs import check
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


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
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
