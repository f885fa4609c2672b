"""Calls of tools that nobody answered are answered before the model sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai.chat_models.base import _convert_message_to_dict

from executor.agents.open_calls import answered
from executor.embedded.chat import complaint

IDS = st.sampled_from("abc")  # some providers count anew in every answer


def call(call_id, name="look"):
    return {"id": call_id, "name": name, "args": {}, "type": "tool_call"}


def cut(call_id):
    return {"id": call_id, "name": "look", "args": '{"a": ', "error": None, "type": "invalid_tool_call"}


MESSAGES = st.lists(
    st.builds(HumanMessage, st.just("hello"))
    | st.builds(
        lambda ids, wrong: AIMessage(
            "", tool_calls=[call(i) for i in ids - wrong], invalid_tool_calls=[cut(i) for i in wrong]
        ),
        st.frozensets(IDS),
        st.frozensets(IDS),
    )
    | st.builds(lambda call_id: ToolMessage("seen", tool_call_id=call_id), IDS)
)


def told(messages):
    return [(message.type, message.content) for message in answered(messages)]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (AIMessage("", tool_calls=[call("1")]), "The call of look has no result: it may have been cut short."),
        (AIMessage("", tool_calls=[call("1", "")]), "The call of a tool has no result: it may have been cut short."),
        (AIMessage("", invalid_tool_calls=[cut("1")]), "The call of look was malformed or cut short."),
    ],
)
def test_a_call_without_an_answer_gets_one_right_after_it(message, answer):
    assert told([message, HumanMessage("go on")]) == [("ai", ""), ("tool", answer), ("human", "go on")]


def test_a_call_that_was_answered_before_under_the_same_id_is_another_call():
    asking = AIMessage("", tool_calls=[call("1")])
    conversation = [asking, ToolMessage("seen", tool_call_id="1"), asking]
    assert told(conversation)[:3] == [("ai", ""), ("tool", "seen"), ("ai", "")]
    assert told(conversation)[3:] == [("tool", "The call of look has no result: it may have been cut short.")]


def test_a_call_that_no_answer_can_name_is_left_as_it_is():
    assert told([AIMessage("", tool_calls=[call(None)])]) == [("ai", "")]


@given(MESSAGES)
def test_whatever_a_thread_holds_the_provider_takes_it(messages):
    mended = list(answered(messages))
    assert complaint([_convert_message_to_dict(message) for message in mended]) is None
    assert [m for m in mended if m.type != "tool"] == [m for m in messages if m.type != "tool"]
    assert list(answered(mended)) == mended
