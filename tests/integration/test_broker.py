"""The broker's adapter on the real server: taking, publishing, looking back, dead letters."""

import pytest

from contract import Env
from executor.broker import DeadLetters, connect
from executor.errors import ExecutorError, TryAgain
from executor.jobs.job import Message
from executor.settings import NatsSettings

pytestmark = pytest.mark.anyio

# Text of other scripts, an e-mail's encoded word that is none here, spaces within.
HEADERS = {
    "X-Own": "ä 🙂",
    "X-Word": "=?utf-8?q?no?=",
    "X-Long": "a  b " * 50 + "c",
    "content-type": "application/json",
}


@pytest.fixture
async def broker(own):
    async with connect(own.names) as connected:
        yield connected


def message(broker, identity="m", body=b"{}", word="execute", headers=HEADERS):
    return Message(identity, broker.settings.subject(word, "tests"), dict(headers), body)


async def test_what_is_published_is_taken_with_its_headers_and_place(broker):
    await broker.publish(message(broker))
    delivery = await broker.take()
    assert (delivery.stream, delivery.sequence) == (broker.settings.stream, 1)
    assert (delivery.subject, delivery.body) == (broker.settings.subject("execute", "tests"), b"{}")
    assert delivery.headers == HEADERS | {"Nats-Msg-Id": "m"}
    await delivery.nak()
    again = await broker.take()
    assert again.sequence == 1
    await again.ack()


async def test_nothing_to_take_is_none_within_seconds(broker):
    assert await broker.take() is None


async def test_the_same_id_is_stored_once(own, broker):
    for body in (b"1", b"2"):
        await broker.publish(message(broker, body=body))
    assert [fact.body for fact in await own.stored(broker.settings.stream)] == [b"1"]


async def test_a_message_in_the_stream_is_read_with_the_headers_it_was_sent_with(broker):
    await broker.publish(message(broker))
    assert await broker.at(1) == (HEADERS | {"Nats-Msg-Id": "m"}, b"{}")
    assert await broker.at(2) is None


async def test_a_dead_letter_is_replayed_with_the_headers_it_came_with(own, broker):
    letters = DeadLetters(broker)
    added = {"Dlq-Reason": "exhausted", "Dlq-Attempts": "5", "Dlq-Subject": broker.settings.subject("execute", "x")}
    await broker.publish(message(broker, word="dlq", headers=HEADERS | added))
    [letter] = [letter async for letter in letters.all()]
    assert (letter.reason, letter.attempts, letter.body) == ("exhausted", "5", b"{}")
    await letters.replay(letter)
    assert [letter async for letter in letters.all()] == []
    [replayed] = await own.stored(broker.settings.stream)
    assert HEADERS.items() <= replayed.headers.items()
    assert replayed.body == b"{}"


async def test_a_message_that_is_too_large_is_refused_and_the_connection_stays(broker):
    limit = broker.client.max_payload
    with pytest.raises(ExecutorError, match=f"larger than the broker's limit of {limit} bytes") as caught:
        await broker.publish(message(broker, body=b"x" * (limit - 100)))
    assert not isinstance(caught.value, TryAgain)
    await broker.publish(message(broker, body=b"x" * broker.max_body, headers={}))
    assert (await broker.take()).body == b"x" * broker.max_body


async def test_a_subject_that_no_stream_has_is_said_to_need_the_streams(broker):
    with pytest.raises(TryAgain, match="no stream has this subject; run `agent-executor streams`"):
        await broker.publish(Message("m", "nobody.listens", {}, b""))


async def test_a_consumer_that_is_missing_is_named(own):
    missing = NatsSettings.read({**own.environment, Env.NATS_CONSUMER_GROUP: "nobody"})
    async with connect(missing) as broker:
        with pytest.raises(TryAgain, match=r"no consumer nobody on stream .*: run `agent-executor streams`"):
            await broker.check()
        with pytest.raises(TryAgain, match="taking jobs from"):
            await broker.take()
