"""What a claim may say, what it means where it is silent, and how it is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.claim.schema.spec import Spec
from function.claim.xr import Agent, InvalidClaim, parse
from tests.unit.function.claims import refusal_of

GROUPS = (
    "scaling",
    "streams",
    "nats",
    "postgres",
    "dragonfly",
    "llm",
    "agents",
    "auth",
    "retry",
    "drain",
    "pod",
    "network",
    "monitoring",
)
IMAGE = "registry.example/team/app:v1"


def issuer(**said: object) -> dict[str, Any]:
    return {"auth": {"issuers": [{"issuer": "https://login.example", "audience": "agents", **said}]}}


def test_a_claim_with_an_image_alone_has_every_default() -> None:
    agent = parse("support", "team-a", {"image": IMAGE})
    assert agent == Agent("support", "team-a", Spec(image=IMAGE), "nats-headless.nats.svc.cluster.local:8222")
    assert agent.spec.model_dump(by_alias=True, exclude={*GROUPS}) == {
        "image": IMAGE,
        "size": "medium",
        "natsUrl": "nats://nats.nats.svc:4222",
        "natsStreamName": "AGENT_EXECUTION",
        "natsConsumerGroup": None,
        "postgresConnectionSecret": None,
        "dragonflyConnectionSecret": None,
        "llmKeysSecret": None,
        "imagePullSecrets": (),
        "secretStore": None,
    }
    assert (agent.consumer_group, agent.postgres_secret) == ("support-workers", "support-postgres")
    assert (agent.dragonfly_secret, agent.llm_keys_secret) == ("support-dragonfly", "support-llm-keys")


@pytest.mark.parametrize(
    "image",
    [
        "app",
        "app:v1",
        "team/app",
        "localhost:5000/team/app:v1",
        "[fd00::1]:5000/team/app:v1",
        "[fd00::1]/app",
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
        ({"scaling": {"mode": "drain"}}, "spec.scaling: minReplicas must be 0 where mode is drain"),
        ({"scaling": {"concurrency": 1001}}, "spec.scaling.concurrency: must be at most 1000"),
        ({"streams": {"provisioning": "Operator"}}, "spec.streams.provisioning: must be 'Job' or 'None'"),
        ({"streams": {"replicas": 6}}, "spec.streams.replicas: must be at most 5"),
        ({"nats": {"caSecret": ""}}, "spec.nats.caSecret: must not be empty"),
        ({"postgres": {"secretKeys": "x"}}, "spec.postgres.secretKeys: must be 'env', 'crossplane' or 'cnpg'"),
        ({"dragonfly": {"password": 1}}, "spec.dragonfly.password: must be true or false"),
        ({"dragonfly": {"tls": "on"}}, "spec.dragonfly.tls: must be true or false"),
        ({"dragonfly": {"caSecret": "A"}}, "spec.dragonfly.caSecret: must be the name of a Secret"),
        ({"retry": {"seconds": 59}}, "spec.retry.seconds: must be at least 60"),
        ({"retry": {"seconds": 604801}}, "spec.retry.seconds: must be at most 604800"),
        ({"llm": {"openaiBaseUrl": "https://me:pw@llm"}}, "spec.llm.openaiBaseUrl: must be an http:// or https:// URL"),
        ({"secretStore": {"name": "a"}}, "spec.secretStore.prefix: is required"),
        ({"secretStore": {"name": "a", "prefix": "../b"}}, "spec.secretStore.prefix: must be a path such as"),
        ({"secretStore": {"name": "a", "prefix": "b/"}}, "spec.secretStore.prefix: must be a path such as"),
        ({"pod": {"env": [{"name": "A"}]}}, "spec.pod.env[0]: exactly one of value and valueFrom is required"),
        (
            {"pod": {"env": [{"name": "POSTGRES_HOST", "value": "a"}]}},
            "spec.pod.env[0]: this variable is set from other fields of the claim",
        ),
        (
            {"pod": {"env": [{"name": "A", "value": "a"}, {"name": "A", "value": "b"}]}},
            "spec.pod: env must name each variable once",
        ),
        (
            {"pod": {"labels": {"app.kubernetes.io/name": "a"}}},
            "spec.pod: labels must not begin with app.kubernetes.io/",
        ),
        ({"pod": {"labels": {"a b": "c"}}}, "spec.pod.labels.a b: must be a key such as example.com/team"),
        ({"pod": {"tolerations": [{"operator": "Equal"}]}}, "spec.pod.tolerations[0]: without a key"),
        (
            {"pod": {"tolerations": [{"operator": "Exists", "value": "a"}]}},
            "spec.pod.tolerations[0]: with the operator",
        ),
        (
            {"pod": {"tolerations": [{"key": "a", "tolerationSeconds": 1}]}},
            "spec.pod.tolerations[0]: tolerationSeconds are for the effect NoExecute",
        ),
        ({"pod": {"resources": {"limits": {"cpu": 1}}}}, "spec.pod.resources.limits.cpu: must be a string"),
        (
            {"pod": {"resources": {"requests": {"memory": "5Gi"}}}},
            "spec.pod.resources.requests.memory: must not be more than the limit, 4Gi",
        ),
        ({"network": {"egress": "Restricted"}}, "spec.network: targets are required where egress is Restricted"),
        ({"network": {"targets": [{}]}}, "spec.network.targets[0]: exactly one of namespace and cidr is required"),
        ({"network": {"targets": [{"cidr": "10.0.0.1/8"}]}}, "spec.network.targets[0].cidr: must be a network such as"),
        (
            {"network": {"targets": [{"cidr": "169.254.169.254/32"}]}},
            "spec.network.targets[0].cidr: must not be the cloud's metadata address",
        ),
        (
            {"network": {"targets": [{"cidr": "::/0", "ports": [0]}]}},
            "spec.network.targets[0].ports[0]: must be at least 1",
        ),
        ({"monitoring": {"labels": {"a": "b c"}}}, "spec.monitoring.labels.a: must be a label's value"),
        ({"scaling": {"minReplicas": 11}}, "spec.scaling: minReplicas must not be greater than maxReplicas"),
        ({"scaling": {"monitoringEndpoint": "a"}}, "spec.scaling.monitoringEndpoint: must be host:port of the NATS"),
        ({"scaling": {"account": "a b"}}, "spec.scaling.account: must be the name of a NATS account"),
        ({"streams": {"subjectPrefix": "a.*"}}, "spec.streams.subjectPrefix: must be words of letters, digits"),
        ({"drain": {"seconds": "30"}}, "spec.drain.seconds: must be a whole number"),
        ({"nats_url": "nats://a"}, "spec.nats_url: is not a known field"),
        ({"agents": {"configMaps": ["a", "a"]}}, "spec.agents: configMaps must name each ConfigMap once"),
        ({"agents": {"configMaps": ["A"]}}, "spec.agents.configMaps[0]: must be the name of a ConfigMap"),
        ({"agents": {"inline": "no"}}, "spec.agents.inline: must be true or false"),
        ({"auth": {"issuers": [{}]}}, "spec.auth.issuers[0].issuer: is required; spec.auth.issuers[0].audience: is"),
        (issuer(), "spec.auth.issuers[0]: exactly one of jwksUrl and jwksConfigMap is required"),
        (
            issuer(jwksUrl="https://a/keys", jwksConfigMap={"name": "a", "key": "b"}),
            "spec.auth.issuers[0]: exactly one of jwksUrl and jwksConfigMap is required",
        ),
        (issuer(jwksUrl="https://me:pw@a"), "spec.auth.issuers[0].jwksUrl: must be an http:// or https:// URL without"),
        (
            issuer(jwksConfigMap={"name": "a", "key": "../b"}),
            "spec.auth.issuers[0].jwksConfigMap.key: must be a key of a ConfigMap",
        ),
        (issuer(jwksConfigMap={"name": "a", "key": ".."}), "spec.auth.issuers[0].jwksConfigMap.key: must be a key of"),
        (issuer(jwksUrl="https://a", audience=" "), "spec.auth.issuers[0].audience: must be text in one line"),
        (issuer(jwksUrl="https://a", roles={}), "spec.auth.issuers[0]: rolesClaim is required where there are roles"),
        (
            issuer(jwksUrl="https://a", rolesClaim="groups", roles={"read": [""]}),
            "spec.auth.issuers[0].roles.read[0]: must not be empty",
        ),
        ({"pod": {"env": [{"name": "EXECUTOR_AUTH", "value": "[]"}]}}, "spec.pod.env[0]: this variable is set from"),
    ],
)
def test_a_bad_claim_is_refused_in_words_that_name_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        parse("a", "b", {"image": IMAGE, **change})
    assert str(caught.value).startswith(words)


def test_every_field_that_takes_a_host_takes_an_address_in_brackets() -> None:
    spec = {
        "image": "[fd00::1]:5000/team/app:v1",
        "natsUrl": "tls://[fd00::1]:4222,tls://[fd00::2]",
        "scaling": {"monitoringEndpoint": "[fd00::1]:8222"},
        "llm": {"openaiBaseUrl": "https://[fd00::1]:8443/v1", "anthropicBaseUrl": "http://[fd00::1]"},
        "network": {"egress": "Restricted", "targets": ({"cidr": "fd00::/8"}, {"cidr": "2001:db8::1/128"})},
        "imagePullSecrets": ("pull",),
        "secretStore": {"name": "store", "prefix": "a"},
    }
    agent = parse("support", "team-a", spec)
    assert agent.monitoring_endpoint == "[fd00::1]:8222"
    assert agent.spec.model_dump(by_alias=True, exclude_unset=True) == spec


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
