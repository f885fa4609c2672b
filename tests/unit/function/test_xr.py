"""What a claim may say, what it means where it is silent, and how it is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.xr import Agent, Drain, InvalidClaim, Scaling, Spec, Streams, parse

IMAGE = "registry.example/team/app:v1"


def test_a_claim_with_an_image_alone_has_every_default() -> None:
    agent = parse("support", "team-a", {"image": IMAGE})
    assert agent == Agent("support", "team-a", Spec(image=IMAGE), "nats-headless.nats.svc.cluster.local:8222")
    assert agent.spec.model_dump(by_alias=True) == {
        "image": IMAGE,
        "size": "medium",
        "natsUrl": "nats://nats.nats.svc:4222",
        "natsStreamName": "AGENT_EXECUTION",
        "natsConsumerGroup": None,
        "postgresConnectionSecret": None,
        "dragonflyConnectionSecret": None,
        "llmKeysSecret": None,
        "imagePullSecrets": (),
        "scaling": Scaling().model_dump(by_alias=True),
        "streams": Streams().model_dump(by_alias=True),
        "drain": Drain().model_dump(by_alias=True),
    }
    assert (agent.consumer_group, agent.postgres_secret) == ("support-workers", "support-postgres")
    assert (agent.dragonfly_secret, agent.llm_keys_secret) == ("support-dragonfly", "support-llm-keys")


def test_what_crossplane_keeps_in_the_spec_is_not_the_tenants() -> None:
    assert parse("a", "b", {"image": IMAGE, "crossplane": {"resourceRefs": []}}) == parse("a", "b", {"image": IMAGE})


@pytest.mark.parametrize(
    "image",
    [
        "app",
        "app:v1",
        "team/app",
        "localhost:5000/team/app:v1",
        "registry.example/a/b/c_d__e--f.g:V_1.2-3",
        "registry.example/app@sha256:" + "0a" * 32,
        "registry.example/app:v1@sha256:" + "0a" * 32,
    ],
)
def test_an_image_is_any_reference_that_a_runtime_takes(image: str) -> None:
    assert parse("a", "b", {"image": image}).spec.image == image


MALFORMED = [
    "App:v1",
    "app:",
    "app@sha256:0a",
    "app v1",
    "https://registry.example/app",
    "/app",
    "app/",
    "a//b",
    "app\n",
]
NOT_AN_IMAGE = "spec.image: must be an image such as registry.example/team/app:v1"
NO_MONITORING = (
    "spec.scaling.monitoringEndpoint: is required, because the first host of spec.natsUrl is no "
    "<service>.<namespace>.svc to derive it from"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"image": image}, NOT_AN_IMAGE) for image in MALFORMED),
        ({"image": ""}, "spec.image: must not be empty"),
        ({"image": None}, "spec.image: must be a string"),
        ({"image": "a" * 513}, "spec.image: must have at most 512 characters"),
        ({"size": "huge"}, "spec.size: must be 'micro', 'small', 'medium' or 'large'"),
        ({"size": ["small"]}, "spec.size: must be 'micro', 'small', 'medium' or 'large'"),
        ({"natsUrl": "nats://broker.example"}, NO_MONITORING),
        ({"natsStreamName": "a.b"}, "spec.natsStreamName: must be letters, digits, - and _"),
        ({"natsConsumerGroup": ""}, "spec.natsConsumerGroup: must not be empty"),
        ({"llmKeysSecret": "Upper"}, "spec.llmKeysSecret: must be the name of a Secret"),
        ({"imagePullSecrets": "one"}, "spec.imagePullSecrets: must be a list"),
        ({"imagePullSecrets": ["one", ""]}, "spec.imagePullSecrets[1]: must not be empty"),
        ({"imagePullSecrets": ["a"] * 17}, "spec.imagePullSecrets: must have at most 16 items"),
        ({"scaling": []}, "spec.scaling: must be an object"),
        ({"scaling": {"lagThreshold": 0}}, "spec.scaling.lagThreshold: must be at least 1"),
        ({"scaling": {"lagThreshold": 1.5}}, "spec.scaling.lagThreshold: must be a whole number"),
        ({"scaling": {"maxReplicas": 1001}}, "spec.scaling.maxReplicas: must be at most 1000"),
        ({"scaling": {"minReplicas": 11}}, "spec.scaling: minReplicas must not be greater than maxReplicas"),
        ({"scaling": {"monitoringEndpoint": "a"}}, "spec.scaling.monitoringEndpoint: must be host:port of the NATS"),
        ({"scaling": {"account": "a b"}}, "spec.scaling.account: must be the name of a NATS account"),
        ({"streams": {"subjectPrefix": "a.*"}}, "spec.streams.subjectPrefix: must be words of letters, digits"),
        ({"drain": {"seconds": "30"}}, "spec.drain.seconds: must be a whole number"),
        ({"nats_url": "nats://a"}, "spec.nats_url: is not a known field"),
    ],
)
def test_a_bad_claim_is_refused_in_words_that_name_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        parse("a", "b", {"image": IMAGE, **change})
    assert str(caught.value).startswith(words)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidClaim, match=r"^spec\.image: is required; spec\.extra: is not a known field$"):
        parse("a", "b", {"extra": 1})


@pytest.mark.parametrize("spec", [None, [], "text", 3])
def test_a_spec_is_an_object(spec: Any) -> None:
    with pytest.raises(InvalidClaim, match=r"^spec: must be an object$"):
        parse("a", "b", spec)


def test_a_composite_without_a_namespace_is_refused() -> None:
    with pytest.raises(InvalidClaim, match=r"^metadata\.namespace: is required"):
        parse("a", "", {"image": IMAGE})


TEXT = st.text("aZ0 .:/-_$\n", max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from([field.alias for field in Spec.model_fields.values()])


@given(st.dictionaries(FIELDS, JSON))
def test_any_json_is_either_taken_or_refused_in_our_words(spec: dict[str, Any]) -> None:
    words = refusal_of(spec)
    assert words is None or (words.startswith("spec.") and "pydantic" not in words)


def refusal_of(spec: dict[str, Any]) -> str | None:
    try:
        parse("a", "b", spec)
    except InvalidClaim as error:
        return str(error)
    return None
