"""The Deployment: migrations first, then the service."""

from typing import Any

import contract
from function.claim import secrets
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import environment, metadata, pod, volumes

PORT_NAME = "http"
SECONDS_BEYOND_DRAIN = 15
SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def build(agent: Agent) -> Manifest:
    """The Deployment, without `replicas` where a scaler decides them."""
    fixed = {} if agent.replicas is None else {"replicas": agent.replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata.of(agent, agent.base),
        "spec": {
            **fixed,
            "selector": {"matchLabels": metadata.selector(agent)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {"metadata": _metadata(agent), "spec": _pod(agent)},
        },
    }


def _metadata(agent: Agent) -> dict[str, Any]:
    annotations = {"annotations": agent.spec.pod.annotations} if agent.spec.pod.annotations else {}
    return {"labels": agent.spec.pod.labels | metadata.labels(agent), **annotations}


def _pod(agent: Agent) -> dict[str, Any]:
    return pod.spec(
        agent,
        [_serve(agent)],
        volumes.served(agent),
        initContainers=[_migrate(agent)],
        terminationGracePeriodSeconds=agent.spec.drain.seconds + SECONDS_BEYOND_DRAIN,
        topologySpreadConstraints=[_spread(agent, over) for over in SPREAD_OVER],
    )


def _migrate(agent: Agent) -> dict[str, Any]:
    authority = volumes.authorities(secrets.postgres_authority(agent))
    return pod.container(agent, contract.MIGRATE_COMMAND, environment.migrate(agent), authority)


def _serve(agent: Agent) -> dict[str, Any]:
    return pod.container(
        agent,
        contract.SERVE_COMMAND,
        environment.serve(agent),
        volumes.served(agent),
        ports=[{"name": PORT_NAME, "containerPort": contract.PORT}],
        startupProbe=_probe(contract.HEALTH_PATH, period=5, failures=60),
        livenessProbe=_probe(contract.HEALTH_PATH, period=10, failures=6),
        readinessProbe=_probe(contract.READY_PATH, period=5, failures=3),
    )


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _spread(agent: Agent, over: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": over,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": metadata.selector(agent)},
    }
