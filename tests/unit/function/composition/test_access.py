"""Whose tokens the service asks for, and the agents that it knows: what its container is told and has as files."""

import json
from collections.abc import Callable
from typing import Any

from function.claim.xr import Agent
from function.composition.resources import deployment, streams_job

LOGIN = {"issuer": "https://login.example", "audience": "agents", "jwksUrl": "https://login.example/keys"}
CLUSTER = {
    "issuer": "https://kubernetes.default.svc.cluster.local",
    "audience": "agent-executor",
    "jwksConfigMap": {"name": "cluster.keys", "key": "jwks.json"},
    "tenantClaim": "tenant",
    "rolesClaim": "groups",
    "roles": {"read": ["all of $(US)"], "admin": ["ops"]},
}
OLDER = {**CLUSTER, "jwksConfigMap": {"name": "cluster.keys", "key": "old.json"}}


def test_a_claim_that_asks_for_neither_has_nothing_of_them(claim: Callable[..., Agent]) -> None:
    asked = claim(agents={"configMaps": [], "inline": True}, auth={"issuers": []})
    assert deployment.build(asked) == deployment.build(claim())


def test_each_config_map_of_agents_is_a_folder_of_its_own(claim: Callable[..., Agent]) -> None:
    agent = claim(agents={"configMaps": ["prompts", "team.prompts"]})
    assert volumes(agent) == [
        {"name": "agents-prompts", "configMap": {"name": "prompts"}},
        {"name": "agents-team-prompts-f35f8858", "configMap": {"name": "team.prompts"}},
    ]
    assert mounts(agent) == {
        "agents-prompts": "/etc/agent-executor/agents/prompts",
        "agents-team-prompts-f35f8858": "/etc/agent-executor/agents/team.prompts",
    }
    assert settings(agent) == {}


def test_that_jobs_bring_no_definitions_is_told_to_the_service(claim: Callable[..., Agent]) -> None:
    agent = claim(agents={"inline": False})
    assert (settings(agent), volumes(agent)) == ({"EXECUTOR_AGENTS_INLINE": "false"}, [])


def test_issuers_are_told_as_json_and_their_keys_are_files_or_addresses(claim: Callable[..., Agent]) -> None:
    agent = claim(auth={"issuers": [LOGIN, CLUSTER, OLDER]})
    told = json.loads(settings(agent)["EXECUTOR_AUTH"])
    cluster = {
        "issuer": "https://kubernetes.default.svc.cluster.local",
        "audience": "agent-executor",
        "jwks": "/etc/agent-executor/auth/cluster.keys/jwks.json",
        "tenant_claim": "tenant",
        "roles_claim": "groups",
        "roles": {"read": ["all of $(US)"], "write": [], "admin": ["ops"]},
    }
    assert told == [
        {"issuer": "https://login.example", "audience": "agents", "jwks": "https://login.example/keys"},
        cluster,
        {**cluster, "jwks": "/etc/agent-executor/auth/cluster.keys/old.json"},
    ]
    keys = [{"key": key, "path": key} for key in ("jwks.json", "old.json")]
    (volume,) = volumes(agent)
    assert volume == {"name": volume["name"], "configMap": {"name": "cluster.keys", "items": keys}}
    assert mounts(agent) == {volume["name"]: "/etc/agent-executor/auth/cluster.keys"}


def test_kubernetes_finds_no_variable_to_put_into_what_is_told(claim: Callable[..., Agent]) -> None:
    assert "$" not in settings(claim(auth={"issuers": [CLUSTER]}))["EXECUTOR_AUTH"]


def test_only_the_service_itself_has_them(claim: Callable[..., Agent]) -> None:
    agent = claim(agents={"configMaps": ["prompts"], "inline": False}, auth={"issuers": [CLUSTER]})
    assert streams_job.build(agent) == streams_job.build(claim())
    (migrate,), (before,) = (pod(it)["initContainers"] for it in (agent, claim()))
    assert migrate == before


def pod(agent: Agent) -> dict[str, Any]:
    spec: dict[str, Any] = deployment.build(agent)["spec"]["template"]["spec"]
    return spec


def volumes(agent: Agent) -> list[dict[str, Any]]:
    return [volume for volume in pod(agent)["volumes"] if "configMap" in volume]


def mounts(agent: Agent) -> dict[str, str]:
    """Where they are; all of them can only be read."""
    (serve,) = pod(agent)["containers"]
    mounted = [mount for mount in serve["volumeMounts"] if mount["name"] != "scratch"]
    assert all(mount["readOnly"] for mount in mounted)
    return {mount["name"]: mount["mountPath"] for mount in mounted}


def settings(agent: Agent) -> dict[str, str]:
    (serve,) = pod(agent)["containers"]
    wanted = ("EXECUTOR_AGENTS_INLINE", "EXECUTOR_AUTH")
    return {variable["name"]: variable["value"] for variable in serve["env"] if variable["name"] in wanted}
