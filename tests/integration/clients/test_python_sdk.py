"""LangGraph's Python client, unmodified, on runs and threads."""

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from tests.integration.world import JsonObject, says, unique, writing

pytestmark = pytest.mark.anyio

AGENTS = ["asker", "both", "gated", "slow", "steps", "twice", "writer"]


async def told(stream):
    return [(part.event, part.data) async for part in stream]


async def test_assistants_are_the_agents_by_name_and_by_id(client):
    found = await client.assistants.search(limit=100)
    assert [each["graph_id"] for each in found] == AGENTS
    assert {each["metadata"]["created_by"] for each in found} == {"system"}
    writer = found[-1]
    assert await client.assistants.get(writer["assistant_id"]) == await client.assistants.get("writer") == writer
    assert [each["name"] for each in await client.assistants.search(graph_id="steps")] == ["steps"]
    with pytest.raises(NotFoundError):
        await client.assistants.get("nobody")


async def test_a_run_streams_its_updates_its_values_and_what_it_tells_beside_them(client):
    thread = await client.threads.create(metadata={"title": "numbers"})
    modes = ["values", "updates", "custom", "tasks"]
    parts = await told(client.runs.stream(thread["thread_id"], "steps", input={"seen": ["x"]}, stream_mode=modes))
    names = [name for name, _ in parts]
    assert (names[0], names[-1]) == ("metadata", "end")
    assert [data for name, data in parts if name == "updates"] == [
        {"first": {"seen": ["first"]}},
        {"second": {"seen": ["second"]}},
    ]
    assert [data for name, data in parts if name == "custom"] == [{"halfway": True}]
    assert [data["name"] for name, data in parts if name == "tasks"] == ["first", "first", "second", "second"]
    assert [data for name, data in parts if name == "values"][-1] == {"seen": ["x", "first", "second"]}
    [run] = await client.runs.list(thread["thread_id"])
    assert (run["run_id"], run["status"]) == (parts[0][1]["run_id"], "success")
    found = await client.threads.get(thread["thread_id"])
    assert (found["values"], found["status"]) == ({"seen": ["x", "first", "second"]}, "idle")
    assert found["metadata"] | {"graph_id": "steps", "title": "numbers"} == found["metadata"]


async def test_a_message_is_streamed_piece_by_piece_under_the_id_that_it_has_in_the_state(client):
    job = unique()
    turns = ({"say": "Writing.", "call": [writing("/a", "x")]}, {"say": "All of it is done."})
    parts = await told(
        client.runs.stream(
            None, "writer", input=says(job, *turns), stream_mode=["messages-tuple", "values"], stream_subgraphs=True
        )
    )
    pieces = [data[0] for name, data in parts if name == "messages"]
    text: dict[str, str] = {}
    for piece in pieces:
        if piece["type"] == "AIMessageChunk":
            text[piece["id"]] = text.get(piece["id"], "") + piece["content"]
    messages = [data for name, data in parts if name == "values"][-1]["messages"]
    assert text == {message["id"]: message["content"] for message in messages if message["type"] == "ai"}
    assert [each["type"] for each in messages] == ["human", "ai", "tool", "ai"]
    [result] = [piece for piece in pieces if piece["type"] == "tool"]
    assert (result["id"], result["content"]) == (messages[2]["id"], messages[2]["content"])
    called = [call for piece in pieces for call in piece.get("tool_call_chunks", ())]
    assert called[0]["name"] == "write_file"
    assert "".join(call["args"] or "" for call in called) == '{"file_path": "/a", "content": "x"}'


async def test_a_question_ends_the_stream_and_its_answer_goes_on_with_the_same_run(client):
    thread = await client.threads.create()
    parts = await told(client.runs.stream(thread["thread_id"], "asker", input={"messages": []}))
    [asked] = parts[-2][1]["__interrupt__"]
    assert (parts[-1][0], asked["value"]) == ("end", {"question": "Well?"})
    waits = await client.threads.get(thread["thread_id"])
    assert waits["status"] == "interrupted"
    assert [each["value"] for found in waits["interrupts"].values() for each in found] == [{"question": "Well?"}]
    [run] = await client.runs.list(thread["thread_id"])
    assert run["status"] == "success"  # `interrupted` is what a run is that was cancelled
    answered = await told(
        client.runs.stream(thread["thread_id"], "asker", command={"resume": "yes"}, stream_mode=["updates", "values"])
    )
    assert answered[0][1]["run_id"] == run["run_id"]
    assert "__interrupt__" not in str(answered)
    [said] = answered[-2][1]["messages"]
    assert said["content"] == "You said: yes"
    assert (await client.threads.get(thread["thread_id"]))["status"] == "idle"


async def test_several_questions_are_answered_at_once_by_their_ids(client):
    thread = (await client.threads.create())["thread_id"]
    asked = (await client.runs.wait(thread, "both", input={"said": []}))["__interrupt__"]
    answers = {each["id"]: each["value"][5:-1] for each in asked}
    with pytest.raises(UnprocessableEntityError, match="several questions are open"):
        await client.runs.create(thread, "both", command={"resume": "which?"})
    values = await client.runs.wait(thread, "both", command={"resume": answers})
    assert sorted(values["said"]) == ["age age", "name name"]


async def test_one_question_after_the_other_each_ends_a_stream(client):
    thread = (await client.threads.create())["thread_id"]
    asked = []
    steps: list[JsonObject] = [{"input": {"said": []}}, {"command": {"resume": "Ada"}}, {"command": {"resume": "36"}}]
    for more in steps:
        parts = await told(client.runs.stream(thread, "twice", **more))
        asked.append([each["value"] for each in parts[-2][1].get("__interrupt__", ())])
    assert asked == [["Your name?"], ["Your age?"], []]
    assert parts[-2][1] == {"said": ["name Ada", "age 36"]}
    assert len(await client.runs.list(thread)) == 1


async def test_what_waits_gives_way_to_a_new_input_and_ends_cancelled(client):
    thread = await client.threads.create()
    first = await client.runs.create(thread["thread_id"], "asker", input={"messages": []})
    await client.runs.join(thread["thread_id"], first["run_id"])
    values = await client.runs.wait(
        thread["thread_id"], "asker", input={"messages": [{"role": "user", "content": "b"}]}
    )
    assert [message["content"] for message in values["messages"]] == ["b"]
    assert len(values["__interrupt__"]) == 1
    assert [run["status"] for run in await client.runs.list(thread["thread_id"])] == ["success", "interrupted"]


async def test_wait_gives_the_values_and_tells_a_failure(client):
    assert await client.runs.wait(None, "steps", input={"seen": []}) == {"seen": ["first", "second"]}
    with pytest.raises(Exception, match="as it was told to"):
        await client.runs.wait(None, "steps", input={"seen": [], "fails": True})


async def test_a_run_that_failed_streams_an_error(client):
    parts = await told(client.runs.stream(None, "steps", input={"seen": [], "fails": True}))
    assert parts[-1][0] == "error"
    assert parts[-1][1] == {"error": "ValueError", "message": "as it was told to"}


async def test_a_run_is_created_looked_at_joined_and_its_stream_read_again(client, tmp_path):
    thread = await client.threads.create()
    gate = tmp_path / "open"
    run = await client.runs.create(
        thread["thread_id"], "slow", input={"gate": str(gate)}, metadata={"by": "me", "n": 1}
    )
    assert run["metadata"] == {"by": "me", "n": "1"}
    assert (await client.threads.get(thread["thread_id"]))["status"] == "busy"
    gate.touch()
    assert (await client.runs.join(thread["thread_id"], run["run_id"]))["seen"] == ["waited"]
    whole = [part async for part in client.runs.join_stream(thread["thread_id"], run["run_id"], last_event_id="-1")]
    assert [part.event for part in whole][-3:] == ["updates", "values", "end"]
    last = [part.id for part in whole if part.id][-1]
    rest = [
        part.event async for part in client.runs.join_stream(thread["thread_id"], run["run_id"], last_event_id=last)
    ]
    assert rest == ["metadata", "values", "end"]


async def test_a_run_is_cancelled_and_interrupted_by_another(client, tmp_path):
    thread = await client.threads.create()
    slow = {"gate": str(tmp_path / "never")}
    first = await client.runs.create(thread["thread_id"], "slow", input=slow)
    await client.runs.cancel(thread["thread_id"], first["run_id"], wait=True)
    assert (await client.runs.get(thread["thread_id"], first["run_id"]))["status"] == "interrupted"
    second = await client.runs.create(thread["thread_id"], "slow", input=slow)
    with pytest.raises(ConflictError):
        await client.runs.create(thread["thread_id"], "steps", input={"seen": []}, multitask_strategy="reject")
    await until_running(client, second)
    values = await client.runs.wait(thread["thread_id"], "steps", input={"seen": []}, multitask_strategy="interrupt")
    assert values["seen"][-2:] == ["first", "second"]
    assert (await client.runs.get(thread["thread_id"], second["run_id"]))["status"] == "interrupted"


async def until_running(client, run):
    async for part in client.runs.join_stream(run["thread_id"], run["run_id"], stream_mode="tasks"):
        if part.event == "tasks":
            return


async def test_threads_are_made_once_noted_looked_for_and_forgotten(client):
    tag, odd = unique("tag"), f"a/b c?{unique()}"
    made = await client.threads.create(thread_id=odd, metadata={"tag": tag})
    with pytest.raises(ConflictError):
        await client.threads.create(thread_id=odd)
    assert (await client.threads.create(thread_id=odd, if_exists="do_nothing"))["created_at"] == made["created_at"]
    await client.threads.update(odd, metadata={"more": 1})
    await client.runs.wait(odd, "steps", input={"seen": []})
    assert [run["thread_id"] for run in await client.runs.list(odd)] == [odd]
    found = await client.threads.search(metadata={"tag": tag, "graph_id": "steps"}, sort_by="updated_at")
    assert [(each["thread_id"], each["values"]) for each in found] == [(odd, {"seen": ["first", "second"]})]
    assert await client.threads.count(metadata={"tag": tag}) == 1
    await client.threads.delete(odd)
    with pytest.raises(NotFoundError):
        await client.threads.get(odd)


async def test_a_run_begins_from_an_earlier_checkpoint(client):
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "steps", input={"seen": ["a"]})
    history = await client.threads.get_history(thread)
    after_first = next(state for state in history if state["next"] == ["second"])
    values = await client.runs.wait(thread, "steps", input=None, checkpoint=after_first["checkpoint"])
    assert values == {"seen": ["a", "first", "second"]}


async def test_a_checkpoint_that_is_not_there_or_anothers_is_refused(client):
    thread, other = [(await client.threads.create())["thread_id"] for _ in range(2)]
    await client.runs.wait(thread, "steps", input={"seen": []})
    [last] = await client.threads.get_history(thread, limit=1)
    for on, checkpoint in ((thread, {"checkpoint_id": "no such"}), (other, last["checkpoint"])):
        with pytest.raises(UnprocessableEntityError, match="checkpoint: the thread has no checkpoint"):
            await client.runs.create(on, "steps", input={"seen": []}, checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("webhook", {"webhook": "https://example.com"}),
        ("interrupt_before", {"interrupt_before": ["first"]}),
        ("after_seconds", {"after_seconds": 5}),
        ("multitask_strategy", {"multitask_strategy": "rollback"}),
        ("stream_mode", {"stream_mode": "events"}),
        ("command.goto", {"command": {"goto": "first"}}),
    ],
)
async def test_what_is_not_served_is_refused_by_its_name(client, field, more):
    with pytest.raises(UnprocessableEntityError) as refused:
        await told(client.runs.stream(None, "steps", **({"input": {"seen": []}} | more)))
    assert refused.value.response.json()["field"].startswith(field)


async def test_a_thread_that_nobody_made_is_unknown_unless_it_may_be_made(client):
    thread = unique("thread")
    with pytest.raises(NotFoundError):
        await client.runs.create(thread, "steps", input={"seen": []})
    values = await client.runs.wait(thread, "steps", input={"seen": []}, if_not_exists="create")
    assert values == {"seen": ["first", "second"]}


async def test_an_answer_that_nobody_asked_for_is_a_conflict(client):
    thread = (await client.threads.create())["thread_id"]
    with pytest.raises(ConflictError):
        await client.runs.create(thread, "asker", command={"resume": "yes"})


async def test_an_assistant_is_drawn_and_says_what_it_takes(client):
    drawn = await client.assistants.get_graph("steps")
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "first", "second", "__end__"]
    assert await client.assistants.get_graph("steps", xray=2) == drawn
    schemas = await client.assistants.get_schemas("steps")
    assert (schemas["graph_id"], "seen" in schemas["input_schema"]["properties"]) == ("steps", True)
    assert (await client.assistants.get_schemas("writer"))["output_schema"]["properties"].keys() >= {"messages"}
