"""Which Secrets a claim needs, by which keys, and how what they lack is said."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import contract
from contract import Env
from function.claim import secrets
from function.claim.secrets import Secret
from function.claim.xr import Agent
from function.composition import missing_secrets
from function.composition.observed import Cluster
from function.composition.readiness import Verdict
from function.composition.resources import deployment, streams_job

ONE = Secret("one", "spec.one", needs=(("a",), ("b",)))
OTHER = Secret("other", "spec.other", needs=(("c", "d"),))


@pytest.mark.parametrize(
    ("convention", "keys"),
    [
        ("env", ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"]),
        ("crossplane", ["endpoint", "port", "database", "username", "password"]),
        ("cnpg", ["host", "port", "dbname", "username", "password"]),
    ],
)
def test_the_container_sees_the_contracts_names_whatever_postgres_keys_are_called(
    claim: Callable[..., Agent], convention: str, keys: list[str]
) -> None:
    agent = claim(postgres={"secretKeys": convention})
    read = references(agent, "support-postgres")
    assert read == dict(zip(contract.REQUIRED_POSTGRES, keys, strict=True))
    assert secrets.postgres(agent).needs == tuple((key,) for key in keys)


@pytest.mark.parametrize(
    ("convention", "keys"),
    [
        ("env", ["DRAGONFLY_HOST", "DRAGONFLY_PORT", "DRAGONFLY_USER", "DRAGONFLY_PASSWORD"]),
        ("crossplane", ["endpoint", "port", "username", "password"]),
    ],
)
def test_the_container_sees_the_contracts_names_whatever_dragonflys_keys_are_called(
    claim: Callable[..., Agent], convention: str, keys: list[str]
) -> None:
    agent = claim(dragonfly={"secretKeys": convention})
    variables = (*contract.REQUIRED_DRAGONFLY, Env.DRAGONFLY_USER, Env.DRAGONFLY_PASSWORD)
    assert references(agent, "support-dragonfly") == dict(zip(variables, keys, strict=True))
    assert secrets.dragonfly(agent).needs == ((keys[0],), (keys[1],))


@pytest.mark.parametrize(
    ("credentials", "keys"), [("password", ["NATS_USER", "NATS_PASSWORD"]), ("creds", ["NATS_CREDS"])]
)
def test_whoever_talks_to_the_broker_has_its_credentials(
    claim: Callable[..., Agent], credentials: str, keys: list[str]
) -> None:
    agent = claim(nats={"credentialsSecret": "broker", "credentials": credentials})
    assert references(agent, "broker") == references(agent, "broker", streams_job.build) == {key: key for key in keys}


def test_a_certificate_authority_is_a_file_without_the_key_that_may_lie_beside_it(claim: Callable[..., Agent]) -> None:
    built = deployment.build(claim(postgres={"caSecret": "ca"}))["spec"]["template"]["spec"]
    assert built["volumes"][1] == {
        "name": "postgres-ca",
        "secret": {"secretName": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]},
    }
    mount = {"name": "postgres-ca", "mountPath": "/etc/agent-executor/postgres-ca", "readOnly": True}
    for container in (*built["initContainers"], *built["containers"]):
        assert mount in container["volumeMounts"]
        assert {"name": "POSTGRES_SSLROOTCERT", "value": "/etc/agent-executor/postgres-ca/ca.crt"} in container["env"]


@pytest.mark.parametrize(
    ("postgres", "mode"),
    [
        ({}, None),
        ({"sslMode": "require"}, "require"),
        ({"caSecret": "ca"}, "verify-full"),
        ({"caSecret": "ca", "sslMode": "verify-ca"}, "verify-ca"),
    ],
)
def test_who_gives_an_authority_wants_it_used(
    claim: Callable[..., Agent], postgres: dict[str, str], mode: str | None
) -> None:
    (migrate,) = deployment.build(claim(postgres=postgres))["spec"]["template"]["spec"]["initContainers"]
    said = {entry["name"]: entry.get("value") for entry in migrate["env"]}
    assert said.get("POSTGRES_SSLMODE") == mode


CA = "/etc/agent-executor/dragonfly-ca/ca.crt"


@pytest.mark.parametrize(
    ("dragonfly", "said"),
    [
        ({}, {}),
        ({"tls": True}, {Env.DRAGONFLY_TLS: "true"}),
        ({"tls": False}, {Env.DRAGONFLY_TLS: "false"}),
        ({"caSecret": "ca"}, {Env.DRAGONFLY_CA: CA}),
        ({"caSecret": "ca", "tls": True}, {Env.DRAGONFLY_CA: CA, Env.DRAGONFLY_TLS: "true"}),
    ],
)
def test_the_service_is_told_how_dragonfly_is_spoken_to(
    claim: Callable[..., Agent], dragonfly: dict[str, Any], said: dict[str, str]
) -> None:
    agent = claim(dragonfly=dragonfly)
    (serve,) = deployment.build(agent)["spec"]["template"]["spec"]["containers"]
    values = {entry["name"]: entry.get("value") for entry in serve["env"]}
    assert {name: values[name] for name in (Env.DRAGONFLY_TLS, Env.DRAGONFLY_CA) if name in values} == said
    assert [it.secret for it in secrets.authorities(agent)] == [*filter(None, [dragonfly.get("caSecret")])]


def test_all_that_the_pods_do_not_do_without_is_needed(claim: Callable[..., Agent]) -> None:
    variables = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "own", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "may-be", "key": "b", "optional": True}}},
    ]
    agent = claim(imagePullSecrets=["pull"], nats={"caSecret": "ca"}, pod={"env": variables})
    assert {(secret.name, secret.named_by): secret.needs for secret in secrets.used(agent)} == {
        ("support-postgres", "spec.postgresConnectionSecret"): tuple((key,) for key in contract.REQUIRED_POSTGRES),
        ("support-dragonfly", "spec.dragonflyConnectionSecret"): (("DRAGONFLY_HOST",), ("DRAGONFLY_PORT",)),
        ("support-llm-keys", "spec.llmKeysSecret"): (("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),),
        ("ca", "spec.nats.caSecret"): (("ca.crt",),),
        ("pull", "spec.imagePullSecrets[0]"): ((".dockerconfigjson", ".dockercfg"),),
        ("own", "spec.pod.env, A"): (("a",),),
    }


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (None, missing_secrets.NOT_CHECKED),
        ({}, Verdict(ready=False, reason="Waiting", message="Not known yet: one, other")),
        ({"one": {"a", "b"}, "other": {"d"}}, Verdict(ready=True, reason="Available")),
        (
            {"one": None},
            Verdict(ready=False, reason="SecretMissing", message="Secret one is missing (spec.one)"),
        ),
        (
            {"one": set(), "other": set()},
            Verdict(
                ready=False,
                reason="KeyMissing",
                message="Secret one has no a, b (spec.one); Secret other has no c or d (spec.other)",
            ),
        ),
    ],
)
def test_what_is_missing_is_named_with_the_field_that_names_it(
    found: Mapping[str, set[str] | None] | None, verdict: Verdict
) -> None:
    known = None if found is None else {name: keys if keys is None else frozenset(keys) for name, keys in found.items()}
    assert missing_secrets.judge([ONE, OTHER], Cluster(secrets=known)) == verdict


def references(
    agent: Agent, secret: str, build: Callable[[Agent], dict[str, Any]] = deployment.build
) -> dict[str, str]:
    """The keys of one Secret that the main container reads, by variable."""
    (container,) = build(agent)["spec"]["template"]["spec"]["containers"]
    read = [(entry["name"], entry.get("valueFrom", {}).get("secretKeyRef", {})) for entry in container["env"]]
    return {name: reference["key"] for name, reference in read if reference.get("name") == secret}
