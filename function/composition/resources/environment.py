"""The environment of the executor's containers, as the contract spells it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import contract
from contract import Env
from function.claim import secrets
from function.claim.schema.auth import Issuer
from function.claim.secrets import Authority, Secret
from function.claim.xr import Agent

Variables = list[dict[str, Any]]

HOUR = 3600


def serve(agent: Agent) -> Variables:
    """All that the service reads."""
    return [
        *_runtime(agent),
        *_broker(agent),
        *_postgres(agent),
        *_dragonfly(agent),
        *_models(agent),
        *_access(agent),
        *_own(agent),
    ]


def migrate(agent: Agent) -> Variables:
    """The connection to Postgres."""
    return [*_postgres(agent), *_own(agent)]


def streams(agent: Agent) -> Variables:
    """The broker, and how what lies on it is to be."""
    wanted = agent.spec.streams
    settings = {
        Env.EXECUTOR_STREAM_REPLICAS: wanted.replicas,
        Env.EXECUTOR_JOBS_MAX_AGE_SECONDS: wanted.jobs_max_age_hours * HOUR,
        Env.EXECUTOR_RESULTS_MAX_AGE_SECONDS: wanted.results_max_age_hours * HOUR,
        Env.EXECUTOR_DEAD_LETTERS_MAX_AGE_SECONDS: wanted.dead_letters_max_age_hours * HOUR,
    }
    return [*_broker(agent), *_literal(settings)]


def _runtime(agent: Agent) -> Variables:
    settings = {
        Env.PORT: contract.PORT,
        Env.EXECUTOR_NAME: agent.name,
        Env.EXECUTOR_CONCURRENCY: agent.concurrency,
        Env.EXECUTOR_DRAIN_SECONDS: agent.spec.drain.seconds,
        Env.EXECUTOR_RETRY_SECONDS: agent.spec.retry.seconds,
    }
    return _literal({variable: value for variable, value in settings.items() if value is not None})


def _broker(agent: Agent) -> Variables:
    named = {
        Env.NATS_URL: agent.spec.nats_url,
        Env.NATS_STREAM_NAME: agent.spec.nats_stream_name,
        Env.NATS_CONSUMER_GROUP: agent.consumer_group,
        Env.EXECUTOR_SUBJECT_PREFIX: agent.spec.streams.subject_prefix,
    }
    credentials = [variable for secret in secrets.nats(agent) for variable in _from(secret)]
    return [*_literal(named), *credentials, *_files(secrets.nats_authority(agent))]


def _postgres(agent: Agent) -> Variables:
    authority = secrets.postgres_authority(agent)
    mode = agent.spec.postgres.ssl_mode or ("verify-full" if authority else None)
    named = {Env.POSTGRES_SSLMODE: mode} if mode else {}
    return [*_from(secrets.postgres(agent)), *_literal(named), *_files(authority)]


def _dragonfly(agent: Agent) -> Variables:
    tls = agent.spec.dragonfly.tls
    named = {} if tls is None else {Env.DRAGONFLY_TLS: str(tls).lower()}
    return [*_from(secrets.dragonfly(agent)), *_literal(named), *_files(secrets.dragonfly_authority(agent))]


def _models(agent: Agent) -> Variables:
    addresses = {
        Env.OPENAI_BASE_URL: agent.spec.llm.openai_base_url,
        Env.ANTHROPIC_BASE_URL: agent.spec.llm.anthropic_base_url,
    }
    named = {variable: address for variable, address in addresses.items() if address}
    return [*_from(secrets.llm_keys(agent)), *_literal(named)]


def _access(agent: Agent) -> Variables:
    """What differs from letting everybody in with whatever definition."""
    inline = {} if agent.spec.agents.inline else {Env.EXECUTOR_AGENTS_INLINE: "false"}
    issuers = [_issuer(issuer) for issuer in agent.spec.auth.issuers]
    return _literal({**inline, **({Env.EXECUTOR_AUTH: _json(issuers)} if issuers else {})})


def _issuer(issuer: Issuer) -> dict[str, Any]:
    source = issuer.jwks_config_map
    said = {
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "jwks": f"{contract.AUTH_FOLDER}/{source.name}/{source.key}" if source else issuer.jwks_url,
        "tenant_claim": issuer.tenant_claim,
        "roles_claim": issuer.roles_claim,
        "roles": issuer.roles and issuer.roles.model_dump(),
    }
    return {name: value for name, value in said.items() if value is not None}


def _json(value: Any) -> str:
    """Kubernetes would put other variables in place of $(NAME)."""
    return json.dumps(value, separators=(",", ":")).replace("$", "\\u0024")


def _own(agent: Agent) -> Variables:
    """What the claim adds; its fields are named as Kubernetes names them."""
    return [
        variable.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True) for variable in agent.spec.pod.env
    ]


def _literal(values: Mapping[Env, object]) -> Variables:
    return [{"name": variable.value, "value": str(value)} for variable, value in values.items()]


def _files(authorities: Iterable[Authority]) -> Variables:
    return _literal({authority.variable: authority.path for authority in authorities})


def _from(secret: Secret) -> Variables:
    return [
        {
            "name": variable.value,
            "valueFrom": {
                "secretKeyRef": {
                    "name": secret.name,
                    "key": key,
                    **({"optional": True} if variable in secret.optional else {}),
                }
            },
        }
        for variable, key in secret.keys.items()
    ]
