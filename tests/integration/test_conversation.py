"""What a job came to is where another begins."""

import json

import pytest

from tests.integration.world import deep, event, lone, says, unique

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("definition", [lone(), deep()])
async def test_the_messages_of_a_final_state_are_taken_as_input(running, model, definition):
    """And the job has the digest of what was sent, so that it may be sent again."""
    first, second = unique(), unique()
    await running.publish(event(first, {"say": "Blue."}, definition=definition))
    [completed] = await running.ended(first)
    said = completed.data["result"]["final_state"]["messages"]
    asked = event(second, definition=definition, input_payload={"messages": [*said, *says(second)["messages"]]})
    await running.publish(asked)
    await running.publish(asked)
    [completed] = await running.ended(second)
    told = completed.data["result"]["final_state"]["messages"]
    assert (completed.word, told[:2]) == ("completed", said)
    assert [message["type"] for message in told] == ["human", "ai"] * 2
    [request] = [each for each in model.requests if f"Job {second}." in json.dumps(each["messages"])]
    assert [each["role"] for each in request["messages"] if each["role"] != "system"] == ["user", "assistant", "user"]
