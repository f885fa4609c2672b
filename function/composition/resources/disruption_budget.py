"""The PodDisruptionBudget: one pod at a time leaves on purpose, and a pod that never got ready holds no node up."""

from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata


def build(agent: Agent) -> Manifest:
    """The budget of the executor's pods."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata.of(agent, agent.base),
        "spec": {
            "selector": {"matchLabels": metadata.selector(agent)},
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
