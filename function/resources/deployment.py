"""The Deployment: migrations first, then the service."""

from typing import Any

import contract
from function.resources import environment, metadata, pod
from function.targets import Manifest
from function.xr import Agent

PORT_NAME = "http"
SECONDS_BEYOND_DRAIN = 15


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
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": metadata.labels(agent)}, "spec": _pod(agent)},
        },
    }


def _pod(agent: Agent) -> dict[str, Any]:
    migrate = pod.container(agent, contract.MIGRATE_COMMAND, environment.migrate(agent))
    serve = pod.container(
        agent,
        contract.SERVE_COMMAND,
        environment.serve(agent),
        ports=[{"name": PORT_NAME, "containerPort": contract.PORT}],
        startupProbe=_probe(contract.HEALTH_PATH, period=5, failures=60),
        livenessProbe=_probe(contract.HEALTH_PATH, period=10, failures=6),
        readinessProbe=_probe(contract.READY_PATH, period=5, failures=3),
    )
    grace = agent.spec.drain.seconds + SECONDS_BEYOND_DRAIN
    return pod.spec(agent, [serve], initContainers=[migrate], terminationGracePeriodSeconds=grace)


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
