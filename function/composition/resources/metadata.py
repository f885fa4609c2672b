"""Names and labels of composed objects."""

from typing import Any

from function.claim.xr import Agent

EXECUTOR = "executor"
STREAMS = "streams"


def of(agent: Agent, name: str, component: str = EXECUTOR) -> dict[str, Any]:
    """The metadata of an object of this claim."""
    return {"name": name, "namespace": agent.namespace, "labels": labels(agent, component)}


def monitored(agent: Agent) -> dict[str, Any]:
    """The metadata of an object that a Prometheus chooses by the claim's labels."""
    return {"name": agent.base, "namespace": agent.namespace, "labels": agent.spec.monitoring.labels | labels(agent)}


def labels(agent: Agent, component: str = EXECUTOR) -> dict[str, str]:
    """The labels of an object of this claim."""
    return {**selector(agent, component), "app.kubernetes.io/managed-by": "crossplane"}


def selector(agent: Agent, component: str = EXECUTOR) -> dict[str, str]:
    """The labels that tell the pods of one component of one claim from all others."""
    return {**claim(agent), "app.kubernetes.io/component": component}


def claim(agent: Agent) -> dict[str, str]:
    """The labels that tell the pods of one claim from all others."""
    return {"app.kubernetes.io/name": "agent-executor", "app.kubernetes.io/instance": agent.base}
