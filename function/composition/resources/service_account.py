"""The ServiceAccount: an identity without a token, since the executor never talks to Kubernetes."""

from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata


def build(agent: Agent) -> Manifest:
    """The ServiceAccount of the claim's pods."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata.of(agent, agent.base),
        "automountServiceAccountToken": False,
    }
