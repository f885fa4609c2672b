"""What is fetched from a store, and where it lies there."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from function.claim.xr import Agent, InvalidClaim, parse
from function.composition.resources import external_secret

# The key names of a platform that is in use.
CLAIM = {
    "image": "ghcr.io/arun4infra/agent-executor:v1.0.0",
    "imagePullSecrets": ["ghcr-pull-secret"],
    "secretStore": {
        "name": "aws-parameter-store",
        "prefix": "/zerotouch/prod/agent-executor",
        "registryPrefix": "/zerotouch/prod/platform/ghcr",
    },
}
PREFIX = "/zerotouch/prod/agent-executor"


def test_the_platforms_keys_become_the_secrets_that_the_pods_read() -> None:
    agent = parse("agent-executor", "intelligence-deepagents", CLAIM)
    assert fetched(external_secret.postgres(agent)) == (
        "agent-executor-postgres",
        {
            "POSTGRES_HOST": f"{PREFIX}/postgres/host",
            "POSTGRES_PORT": f"{PREFIX}/postgres/port",
            "POSTGRES_DB": f"{PREFIX}/postgres/db",
            "POSTGRES_USER": f"{PREFIX}/postgres/user",
            "POSTGRES_PASSWORD": f"{PREFIX}/postgres/password",
        },
    )
    assert fetched(external_secret.dragonfly(agent)) == (
        "agent-executor-dragonfly",
        {
            "DRAGONFLY_HOST": f"{PREFIX}/dragonfly/host",
            "DRAGONFLY_PORT": f"{PREFIX}/dragonfly/port",
            "DRAGONFLY_PASSWORD": f"{PREFIX}/dragonfly/password",
        },
    )
    assert fetched(external_secret.llm_keys(agent)) == (
        "agent-executor-llm-keys",
        {"OPENAI_API_KEY": f"{PREFIX}/openai_api_key", "ANTHROPIC_API_KEY": f"{PREFIX}/anthropic_api_key"},
    )
    assert fetched(external_secret.registry(agent)) == (
        "ghcr-pull-secret",
        {"username": "/zerotouch/prod/platform/ghcr/username", "password": "/zerotouch/prod/platform/ghcr/password"},
    )


def test_an_external_secret_is_refreshed_owned_and_of_the_version_that_the_claim_says(
    claim: Callable[..., Agent],
) -> None:
    store = {"name": "s", "kind": "SecretStore", "prefix": "p", "refreshInterval": "5m", "apiVersion": "v1beta1"}
    built = external_secret.postgres(claim(secretStore=store))
    assert built["apiVersion"] == "external-secrets.io/v1beta1"
    assert built["metadata"]["name"] == "support-postgres"
    assert {key: value for key, value in built["spec"].items() if key != "data"} == {
        "refreshInterval": "5m",
        "secretStoreRef": {"name": "s", "kind": "SecretStore"},
        "target": {"name": "support-postgres", "creationPolicy": "Owner"},
    }


def test_the_keys_of_the_secret_are_those_of_the_claims_convention(claim: Callable[..., Agent]) -> None:
    store = {"name": "s", "prefix": "p"}
    agent = claim(secretStore=store, postgres={"secretKeys": "cnpg"}, dragonfly={"secretKeys": "crossplane"})
    assert [*fetched(external_secret.postgres(agent))[1]] == ["host", "port", "dbname", "username", "password"]
    assert [*fetched(external_secret.dragonfly(agent))[1]] == ["endpoint", "port", "password"]


def test_a_user_of_dragonfly_is_fetched_where_the_store_has_one(claim: Callable[..., Agent]) -> None:
    store = {"name": "s", "prefix": "p"}
    agent = claim(secretStore=store, dragonfly={"user": True})
    assert fetched(external_secret.dragonfly(agent))[1]["DRAGONFLY_USER"] == "p/dragonfly/user"


def test_what_the_store_does_not_hold_is_not_asked_for(claim: Callable[..., Agent]) -> None:
    store = {"name": "s", "prefix": "p", "provides": ["dragonfly", "anthropic"]}
    agent = claim(secretStore=store, dragonfly={"password": False}, imagePullSecrets=["pull"])
    assert [*fetched(external_secret.llm_keys(agent))[1]] == ["ANTHROPIC_API_KEY"]
    assert [*fetched(external_secret.dragonfly(agent))[1]] == ["DRAGONFLY_HOST", "DRAGONFLY_PORT"]
    assert external_secret.wanted("openai", "anthropic")(agent)
    assert not external_secret.wanted("postgres")(agent)
    assert not external_secret.wants_registry(agent)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ghcr.io/team/app:v1", "ghcr.io"),
        ("localhost:5000/app", "localhost:5000"),
        ("localhost/app", "localhost"),
    ],
)
def test_the_pull_secret_is_for_the_registry_of_the_image_and_survives_any_password(image: str, registry: str) -> None:
    agent = parse("a", "b", {**CLAIM, "image": image})
    template = external_secret.registry(agent)["spec"]["target"]["template"]
    assert template["type"] == "kubernetes.io/dockerconfigjson"
    text = template["data"][".dockerconfigjson"]
    rendered = text.replace("{{ .username | toJson }}", '"me"').replace("{{ .password | toJson }}", json.dumps('a"b\\'))
    assert json.loads(rendered) == {"auths": {registry: {"username": "me", "password": 'a"b\\'}}}


@pytest.mark.parametrize("image", ["team/app:v1", "app"])
def test_an_image_without_a_registry_has_no_pull_secret_made_for_it(image: str) -> None:
    with pytest.raises(InvalidClaim, match=r"^spec\.image: must begin with its registry"):
        parse("a", "b", {**CLAIM, "image": image})
    assert parse("a", "b", {**CLAIM, "image": image, "imagePullSecrets": []}).spec.image == image


def fetched(built: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The Secret, and for each of its keys where in the store its value is."""
    spec = built["spec"]
    return spec["target"]["name"], {entry["secretKey"]: entry["remoteRef"]["key"] for entry in spec["data"]}
