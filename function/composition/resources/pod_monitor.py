"""The PodMonitor: Prometheus scrapes each pod where it serves."""

import contract
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import deployment, metadata


def build(agent: Agent) -> Manifest:
    """The monitor of the executor's pods."""
    endpoint = {
        "port": deployment.PORT_NAME,
        "path": contract.METRICS_PATH,
        "interval": f"{agent.spec.monitoring.scrape_seconds}s",
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata.monitored(agent),
        "spec": {
            "selector": {"matchLabels": metadata.selector(agent)},
            "podMetricsEndpoints": [endpoint],
        },
    }


def is_wanted(agent: Agent) -> bool:
    """Whether the claim has its metrics scraped."""
    return agent.spec.monitoring.pod_monitor
