"""The Service, on the port that the executor itself listens on."""

import contract
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import deployment, metadata


def build(agent: Agent) -> Manifest:
    """The Service in front of the executor's pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.of(agent, agent.base),
        "spec": {
            "selector": metadata.selector(agent),
            "ports": [{"name": deployment.PORT_NAME, "port": contract.PORT, "targetPort": deployment.PORT_NAME}],
        },
    }


def endpoint(agent: Agent) -> str:
    """The Service's URL inside the cluster."""
    return f"http://{agent.base}.{agent.namespace}.svc:{contract.PORT}"
