"""The environment of the executor's containers, as the contract spells it."""

from collections.abc import Iterable
from typing import Any

import contract
from contract import Env
from function.xr import Agent

Variables = list[dict[str, Any]]


def serve(agent: Agent) -> Variables:
    """All that the service reads."""
    dragonfly = _from_secret(agent.dragonfly_secret, contract.REQUIRED_DRAGONFLY)
    password = _from_secret(agent.dragonfly_secret, [Env.DRAGONFLY_PASSWORD], optional=True)
    keys = _from_secret(agent.llm_keys_secret, contract.LLM_KEYS, optional=True)
    return [*_runtime(agent), *streams(agent), *migrate(agent), *dragonfly, *password, *keys]


def migrate(agent: Agent) -> Variables:
    """The connection to Postgres."""
    return _from_secret(agent.postgres_secret, contract.REQUIRED_POSTGRES)


def streams(agent: Agent) -> Variables:
    """The broker, and what its streams and the consumer are called."""
    return _literal(
        {
            Env.NATS_URL: agent.spec.nats_url,
            Env.NATS_STREAM_NAME: agent.spec.nats_stream_name,
            Env.NATS_CONSUMER_GROUP: agent.consumer_group,
            Env.EXECUTOR_SUBJECT_PREFIX: agent.spec.streams.subject_prefix,
        }
    )


def _runtime(agent: Agent) -> Variables:
    return _literal(
        {
            Env.PORT: str(contract.PORT),
            Env.EXECUTOR_NAME: agent.name,
            Env.EXECUTOR_CONCURRENCY: str(agent.spec.scaling.lag_threshold),
            Env.EXECUTOR_DRAIN_SECONDS: str(agent.spec.drain.seconds),
        }
    )


def _literal(values: dict[Env, str]) -> Variables:
    return [{"name": variable.value, "value": value} for variable, value in values.items()]


def _from_secret(secret: str, variables: Iterable[Env], *, optional: bool = False) -> Variables:
    missing_is_fine = {"optional": True} if optional else {}
    return [
        {
            "name": variable.value,
            "valueFrom": {"secretKeyRef": {"name": secret, "key": variable.value, **missing_is_fine}},
        }
        for variable in variables
    ]
