"""ExternalSecrets: what the store holds below the claim's prefix becomes the Secrets that the pods use."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from contract import Env
from function.claim import images, names, secrets
from function.claim.schema.groups import SecretStore
from function.claim.secrets import DOCKER_CONFIG, Keys, Secret
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata

# Where the store keeps the value of a variable, below the prefix.
PATHS: Mapping[Env, str] = {
    Env.POSTGRES_HOST: "postgres/host",
    Env.POSTGRES_PORT: "postgres/port",
    Env.POSTGRES_DB: "postgres/db",
    Env.POSTGRES_USER: "postgres/user",
    Env.POSTGRES_PASSWORD: "postgres/password",
    Env.DRAGONFLY_HOST: "dragonfly/host",
    Env.DRAGONFLY_PORT: "dragonfly/port",
    Env.DRAGONFLY_USER: "dragonfly/user",
    Env.DRAGONFLY_PASSWORD: "dragonfly/password",
    Env.OPENAI_API_KEY: "openai_api_key",
    Env.ANTHROPIC_API_KEY: "anthropic_api_key",
}
PROVIDER_OF = {Env.OPENAI_API_KEY: "openai", Env.ANTHROPIC_API_KEY: "anthropic"}


def wanted(*parts: str) -> Callable[[Agent], bool]:
    """Whether a claim's store holds one of the parts."""

    def is_wanted(agent: Agent) -> bool:
        store = agent.spec.secret_store
        return store is not None and not {*parts}.isdisjoint(store.provides)

    return is_wanted


def wants_registry(agent: Agent) -> bool:
    """Whether the store holds what the first pull secret is made of."""
    return agent.spec.makes_pull_secret


def postgres(agent: Agent) -> Manifest:
    """The connection to Postgres."""
    secret = secrets.postgres(agent)
    return _build(agent, "postgres", secret.name, _fetch(agent, secret.keys))


def dragonfly(agent: Agent) -> Manifest:
    """The connection to Dragonfly, with a user and a password where the store has them."""
    secret, said = secrets.dragonfly(agent), agent.spec.dragonfly
    held = {Env.DRAGONFLY_USER: said.user, Env.DRAGONFLY_PASSWORD: said.password}
    absent = frozenset(variable for variable, is_held in held.items() if not is_held)
    return _build(agent, "dragonfly", secret.name, _fetch(agent, _without(secret, absent)))


def llm_keys(agent: Agent) -> Manifest:
    """The keys of the model providers that the store has one for; to ask for another would fail all of them."""
    secret, held = secrets.llm_keys(agent), _store(agent).provides
    absent = frozenset(variable for variable, provider in PROVIDER_OF.items() if provider not in held)
    return _build(agent, "llm-keys", secret.name, _fetch(agent, _without(secret, absent)))


def registry(agent: Agent) -> Manifest:
    """The first pull secret, for the registry that the image names."""
    store = _store(agent)
    prefix = store.registry_prefix or f"{store.prefix}/registry"
    login = '{"username":{{ .username | toJson }},"password":{{ .password | toJson }}}'
    config = f'{{"auths":{{{json.dumps(images.registry(agent.spec.image))}:{login}}}}}'
    template = {"type": "kubernetes.io/dockerconfigjson", "data": {DOCKER_CONFIG: config}}
    data = [_remote(name, f"{prefix}/{name}") for name in ("username", "password")]
    return _build(agent, "registry", agent.spec.image_pull_secrets[0], data, template=template)


def _build(agent: Agent, part: str, secret: str, data: list[dict[str, Any]], **target: Any) -> Manifest:
    store = _store(agent)
    return {
        "apiVersion": f"external-secrets.io/{store.api_version}",
        "kind": "ExternalSecret",
        "metadata": metadata.of(agent, names.label(agent.name, part)),
        "spec": {
            "refreshInterval": store.refresh_interval,
            "secretStoreRef": {"name": store.name, "kind": store.kind},
            "target": {"name": secret, "creationPolicy": "Owner", **target},
            "data": data,
        },
    }


def _fetch(agent: Agent, keys: Keys) -> list[dict[str, Any]]:
    return [_remote(key, f"{_store(agent).prefix}/{PATHS[variable]}") for variable, key in keys.items()]


def _remote(key: str, path: str) -> dict[str, Any]:
    return {"secretKey": key, "remoteRef": {"key": path}}


def _without(secret: Secret, left_out: frozenset[Env]) -> Keys:
    return {variable: key for variable, key in secret.keys.items() if variable not in left_out}


def _store(agent: Agent) -> SecretStore:
    if agent.spec.secret_store is None:
        raise LookupError("the claim has no secretStore")
    return agent.spec.secret_store
