"""The Secrets that a claim's pods use: which of their keys become which variables, and which must be there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import contract
from contract import Env
from function.claim.xr import Agent

Keys = Mapping[Env, str]

CA_KEY = "ca.crt"
CA_FOLDER = "/etc/agent-executor"
DOCKER_CONFIG = ".dockerconfigjson"


def _spelled(*variables: Env) -> Keys:
    return {variable: variable.value for variable in variables}


def _postgres(*keys: str) -> Keys:
    return dict(zip(contract.REQUIRED_POSTGRES, keys, strict=True))


POSTGRES: Mapping[str, Keys] = {
    "env": _spelled(*contract.REQUIRED_POSTGRES),
    "crossplane": _postgres("endpoint", "port", "database", "username", "password"),
    "cnpg": _postgres("host", "port", "dbname", "username", "password"),
}
DRAGONFLY: Mapping[str, Keys] = {
    "env": _spelled(*contract.REQUIRED_DRAGONFLY, Env.DRAGONFLY_USER, Env.DRAGONFLY_PASSWORD),
    "crossplane": {
        Env.DRAGONFLY_HOST: "endpoint",
        Env.DRAGONFLY_PORT: "port",
        Env.DRAGONFLY_USER: "username",
        Env.DRAGONFLY_PASSWORD: "password",
    },
}
NATS: Mapping[str, Keys] = {
    "password": _spelled(Env.NATS_USER, Env.NATS_PASSWORD),
    "creds": _spelled(Env.NATS_CREDS),
}


@dataclass(frozen=True)
class Secret:
    """One Secret, by which field of the claim it is named, and what pods read of it.

    `needs` are groups of keys, of each of which one must have a value. Pods start without the `optional` variables.
    """

    name: str
    named_by: str
    keys: Keys = field(default_factory=dict)
    optional: frozenset[Env] = frozenset()
    needs: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Authority:
    """A certificate authority, which pods have as a file."""

    name: str
    variable: Env
    secret: str
    named_by: str

    @property
    def folder(self) -> str:
        """Where the file lies."""
        return f"{CA_FOLDER}/{self.name}"

    @property
    def path(self) -> str:
        """The file."""
        return f"{self.folder}/{CA_KEY}"


def used(agent: Agent) -> tuple[Secret, ...]:
    """Every Secret that the pods do not do without."""
    return agent.once("secrets", lambda: tuple(_used(agent)))


def _used(agent: Agent) -> Iterator[Secret]:
    yield from (postgres(agent), dragonfly(agent), llm_keys(agent), *nats(agent))
    for authority in authorities(agent):
        yield Secret(authority.secret, authority.named_by, needs=((CA_KEY,),))
    for index, name in enumerate(agent.spec.image_pull_secrets):
        yield Secret(name, f"spec.imagePullSecrets[{index}]", needs=((DOCKER_CONFIG, ".dockercfg"),))
    yield from _own(agent)


def postgres(agent: Agent) -> Secret:
    """The connection to Postgres."""
    keys = POSTGRES[agent.spec.postgres.secret_keys]
    return Secret(agent.postgres_secret, "spec.postgresConnectionSecret", keys, needs=_each(keys))


def dragonfly(agent: Agent) -> Secret:
    """The connection to Dragonfly; it may have no user and no password."""
    keys = DRAGONFLY[agent.spec.dragonfly.secret_keys]
    optional = frozenset({Env.DRAGONFLY_USER, Env.DRAGONFLY_PASSWORD})
    needs = _each({variable: key for variable, key in keys.items() if variable not in optional})
    return Secret(agent.dragonfly_secret, "spec.dragonflyConnectionSecret", keys, optional, needs)


def llm_keys(agent: Agent) -> Secret:
    """The keys of the model providers. One is enough, but pods that started without it would never see it."""
    keys = _spelled(*contract.LLM_KEYS)
    return Secret(agent.llm_keys_secret, "spec.llmKeysSecret", keys, frozenset(keys), (tuple(keys.values()),))


def nats(agent: Agent) -> tuple[Secret, ...]:
    """The credentials of the broker, where it asks for some."""
    name, keys = agent.spec.nats.credentials_secret, NATS[agent.spec.nats.credentials]
    return (Secret(name, "spec.nats.credentialsSecret", keys, needs=_each(keys)),) if name else ()


def nats_authority(agent: Agent) -> tuple[Authority, ...]:
    """The broker's certificate authority, where it has one of its own."""
    secret = agent.spec.nats.ca_secret
    return (Authority("nats-ca", Env.NATS_CA, secret, "spec.nats.caSecret"),) if secret else ()


def postgres_authority(agent: Agent) -> tuple[Authority, ...]:
    """The database's certificate authority, where it has one of its own."""
    secret = agent.spec.postgres.ca_secret
    return (Authority("postgres-ca", Env.POSTGRES_SSLROOTCERT, secret, "spec.postgres.caSecret"),) if secret else ()


def dragonfly_authority(agent: Agent) -> tuple[Authority, ...]:
    """Dragonfly's certificate authority, where it has one of its own."""
    secret = agent.spec.dragonfly.ca_secret
    return (Authority("dragonfly-ca", Env.DRAGONFLY_CA, secret, "spec.dragonfly.caSecret"),) if secret else ()


def authorities(agent: Agent) -> tuple[Authority, ...]:
    """All certificate authorities."""
    return (*nats_authority(agent), *postgres_authority(agent), *dragonfly_authority(agent))


def _own(agent: Agent) -> Iterator[Secret]:
    for variable in agent.spec.pod.env:
        reference = variable.value_from and variable.value_from.secret_key_ref
        if reference and not reference.optional:
            yield Secret(reference.name, f"spec.pod.env, {variable.name}", needs=((reference.key,),))


def _each(keys: Keys) -> tuple[tuple[str, ...], ...]:
    return tuple((key,) for key in keys.values())
