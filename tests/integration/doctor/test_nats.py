"""`agent-executor doctor` on NATS: each thing broken in turn, on a real server."""

from contextlib import asynccontextmanager

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from contract import Env
from executor.broker.layout import layout
from executor.broker.provision import consumer_config, stream_config
from executor.embedded.loopback import free_port
from executor.embedded.nats import CONFIG, Nats
from executor.embedded.process import Process
from executor.findings import warning, wrong
from tests import rig
from tests.certificates import Authority
from tests.integration.doctor.examined import complaints

pytestmark = pytest.mark.anyio

AGAIN = "run `agent-executor streams`"
LEFT = "set NATS_URL to where it is, and let the network policy pass it"


async def no_consumer(jetstream, names):
    await jetstream.delete_consumer(names.stream, names.consumer)
    return [wrong(f"NATS consumer {names.consumer}", f"is not there on stream {names.stream}", AGAIN)]


async def another_ack_wait(jetstream, names):
    config = consumer_config(layout(names).consumer)
    config.ack_wait, config.max_deliver = 30, 5
    await jetstream.add_consumer(names.stream, config)
    said = "ack_wait is 30, not 15; max_deliver is 5, not -1"
    return [warning(f"NATS consumer {names.consumer}", said, AGAIN)]


async def paused(jetstream, names):
    await jetstream.pause_consumer(names.stream, names.consumer, "2999-01-01T00:00:00Z")
    to_do = f"nats consumer resume {names.stream} {names.consumer}"
    return [wrong(f"NATS consumer {names.consumer}", "is paused: no job is taken", to_do)]


async def a_rival(jetstream, names):
    config = ConsumerConfig(
        durable_name="rival", ack_policy=AckPolicy.EXPLICIT, filter_subject=names.subject("execute", "*")
    )
    await jetstream.add_consumer(names.stream, config)
    to_do = (
        "change NATS_STREAM_NAME (natsStreamName in the claim), "
        "or share it by the same NATS_CONSUMER_GROUP (natsConsumerGroup)"
    )
    said = f"on stream {names.stream} rival takes the same jobs"
    return [wrong(f"NATS consumer {names.consumer}", said, to_do)]


async def no_stream(jetstream, names):
    await jetstream.delete_stream(names.status_stream)
    return [wrong(f"NATS stream {names.status_stream}", "is not there", AGAIN)]


async def other_subjects(jetstream, names):
    config = stream_config(layout(names).streams[2])
    config.subjects = [names.subject("other")]
    await jetstream.update_stream(config)
    said = f"does not take {names.subject('dlq', '*')}, but {names.subject('other')}"
    return [wrong(f"NATS stream {names.dead_letter_stream}", said, AGAIN)]


async def in_memory(jetstream, names):
    config = stream_config(layout(names).streams[1])
    config.storage, config.max_age = StorageType.MEMORY, 3600
    await jetstream.delete_stream(names.status_stream)
    await jetstream.add_stream(config)
    said = "storage is memory, not file; max_age is 3600, not 86400"
    return [warning(f"NATS stream {names.status_stream}", said, AGAIN)]


async def subjects_of_another(jetstream, names):
    await jetstream.delete_stream(names.dead_letter_stream)
    await jetstream.add_stream(StreamConfig(name=f"{names.stream}_OTHER", subjects=[names.subject("dlq", ">")]))
    to_do = f"change EXECUTOR_SUBJECT_PREFIX (streams.subjectPrefix in the claim), then {AGAIN}"
    said = f"is not there, and {names.stream}_OTHER has its subjects"
    return [wrong(f"NATS stream {names.dead_letter_stream}", said, to_do)]


FAULTS = [
    no_consumer,
    another_ack_wait,
    paused,
    a_rival,
    no_stream,
    other_subjects,
    in_memory,
    subjects_of_another,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_what_lies_on_the_broker_is_held_against_what_should(own, fault):
    expected = await fault(own.client.jetstream(), own.names)
    try:
        assert await complaints(own.environment) == expected
    finally:
        if fault is subjects_of_another:
            await own.client.jetstream().delete_stream(f"{own.names.stream}_OTHER")


async def test_a_consumer_that_acknowledges_nothing_is_wrong(own):
    jetstream, names = own.client.jetstream(), own.names
    await jetstream.delete_consumer(names.stream, names.consumer)
    config = consumer_config(layout(names).consumer)
    config.ack_policy, config.max_deliver = AckPolicy.NONE, None
    await jetstream.add_consumer(names.stream, config)
    found = await complaints(own.environment)
    expected = wrong(f"NATS consumer {names.consumer}", "ack_policy is none, not explicit", f"delete it, then {AGAIN}")
    assert expected in found


async def test_more_copies_than_servers_are_wrong(own):
    found = await complaints({**own.environment, Env.EXECUTOR_STREAM_REPLICAS: "3"})
    streams = own.names.stream, own.names.status_stream, own.names.dead_letter_stream
    to_do = "set EXECUTOR_STREAM_REPLICAS (streams.replicas in the claim) to 1"
    assert found == [
        wrong("NATS copies", "3 are asked for, and the server is alone", to_do),
        *(warning(f"NATS stream {stream}", "num_replicas is 1, not 3", AGAIN) for stream in streams),
    ]


async def test_one_server_of_two_that_does_not_answer_is_a_warning_and_none_of_one_is_wrong(own, port):
    about, said = f"NATS 127.0.0.1:{port}", "does not answer: "
    away = f"nats://127.0.0.1:{port}"
    [one] = await complaints({**own.environment, Env.NATS_URL: f"{away},{own.names.url}"})
    [none] = await complaints({**own.environment, Env.NATS_URL: away})
    assert (one.about, one.state, one.help) == (about, "warning", LEFT)
    assert (none.about, none.state, none.help) == (about, "wrong", LEFT)
    assert one.said.startswith(said)


@pytest.fixture
def port():
    """One that nobody listens on."""
    return free_port()


class Configured(Nats):
    """A server whose configuration ends with more."""

    def __init__(self, root, more, *, jetstream=True):
        super().__init__(root)
        self.more = more
        self.jetstream = jetstream

    async def prepare(self) -> Process:
        process = await super().prepare()
        config = self.folder / "nats.conf"
        lines = config.read_text().splitlines()
        config.write_text("\n".join([*(lines if self.jetstream else lines[:2]), self.more]))
        return process


@pytest.fixture
def configured(tmp_path, provisioned):
    """Start a server with more in its configuration; the environment that leads to it."""
    assert "jetstream" in CONFIG.splitlines()[2]

    @asynccontextmanager
    async def start(more="", login="", **options):
        server = Configured(tmp_path, more, **options)
        await server.start()
        try:
            yield {**provisioned, Env.NATS_URL: f"nats://{login}127.0.0.1:{server.port}"}
        finally:
            await server.stop()

    return start


async def test_jetstream_that_is_off_is_wrong(configured):
    async with configured(jetstream=False) as environment:
        [found] = await complaints(environment)
    to_do = "turn it on: `jetstream {}` in the server's configuration"
    assert found == wrong("NATS JetStream", "is off", to_do)


LOGIN = 'authorization { users: [ { user: jobs, password: "s3cret-of-jobs"%s } ] }'


async def test_a_wrong_password_is_wrong_and_neither_is_shown(configured):
    async with configured(LOGIN % "") as environment:
        [found] = await complaints({**environment, Env.NATS_USER: "jobs", Env.NATS_PASSWORD: "not-the-s3cret"})
        [url] = await complaints(
            {**environment, Env.NATS_URL: environment[Env.NATS_URL].replace("//", "//jobs:hidden@")}
        )
    to_do = "set NATS_USER and NATS_PASSWORD, or NATS_CREDS, to those of its account"
    assert (found.state, found.help, "Authorization Violation" in found.said) == ("wrong", to_do, True)
    assert url == found


async def test_what_a_user_may_not_hear_is_told_with_what_follows(configured):
    denied = ', permissions: { subscribe: { deny: ["%s"] } }'
    async with configured(LOGIN % (denied % "*.cancel.>")) as environment:
        given = {**environment, Env.NATS_USER: "jobs", Env.NATS_PASSWORD: "s3cret-of-jobs"}
        await rig.provision(given)
        found = await complaints(given)
    subject = f"NATS {given[Env.EXECUTOR_SUBJECT_PREFIX]}.cancel.>"
    said = "may not be subscribed to: a running job is cancelled some seconds later"
    assert found == [warning(subject, said, "allow it to the user")]


async def test_a_server_that_takes_small_messages_only_is_a_warning(configured):
    async with configured("max_payload: 32KB") as environment:
        [found, *rest] = await complaints(environment)
    assert [each.help for each in rest] == [AGAIN] * 4
    assert (found.state, found.help) == ("warning", "raise max_payload to a megabyte: few results fit")
    assert found.said.endswith("messages of up to 32768 bytes")


@pytest.mark.parametrize("hours", [-0.5, 1])
async def test_the_dates_of_its_certificate_are_told(configured, tmp_path, hours):
    issued = Authority("ours", hours=hours).issue(tmp_path / "issued")
    tls = f'tls {{ cert_file: "{issued}/tls.crt", key_file: "{issued}/tls.key" }}'
    async with configured(tls) as environment:
        at = environment[Env.NATS_URL].replace("nats://127.0.0.1", "tls://localhost")
        given = {**environment, Env.NATS_URL: at, Env.NATS_CA: str(issued / "ca.crt")}
        if hours > 0:
            await rig.provision(given)
        found = await complaints(given)
    states = {finding.about: (finding.state, finding.said.split(" at ")[0]) for finding in found}
    state, word = ("wrong", "expired") if hours < 0 else ("warning", "expires")
    assert states.pop("certificate of NATS localhost") == (state, word)
    assert states.pop("authorities of NATS_CA") == (state, word)
    assert [state for state, _ in states.values()] == (["wrong"] if hours < 0 else [])
