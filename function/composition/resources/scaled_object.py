"""The KEDA ScaledObject: replicas follow the consumer's lag, and go without killing what they work on."""

from typing import Any

from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata

STABLE_SECONDS = 300
LONGEST_PERIOD = 1800  # the most that a HorizontalPodAutoscaler takes


def build(agent: Agent) -> Manifest:
    """The ScaledObject; it and its HorizontalPodAutoscaler are named like the Deployment."""
    scaling = agent.spec.scaling
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata.of(agent, agent.base),
        "spec": {
            "scaleTargetRef": {"name": agent.base},
            "pollingInterval": scaling.polling_seconds,
            "cooldownPeriod": scaling.cooldown_seconds,
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "fallback": {
                "failureThreshold": 3,
                "replicas": max(scaling.min_replicas, 1),
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {
                "horizontalPodAutoscalerConfig": {"name": agent.base, "behavior": {"scaleDown": _scale_down(agent)}}
            },
            "triggers": [{"type": "nats-jetstream", "metadata": _trigger(agent)}],
        },
    }


def _scale_down(agent: Agent) -> dict[str, Any]:
    """In mode drain never: KEDA itself takes all replicas when nothing is in flight.

    In mode gradual the next pod goes when the last one has had its time to drain.
    """
    if agent.spec.scaling.mode == "drain":
        return {"selectPolicy": "Disabled"}
    one_pod = {"type": "Pods", "value": 1, "periodSeconds": min(60 + agent.spec.drain.seconds, LONGEST_PERIOD)}
    return {"stabilizationWindowSeconds": STABLE_SECONDS, "policies": [one_pod]}


def _trigger(agent: Agent) -> dict[str, str]:
    return {
        "natsServerMonitoringEndpoint": agent.monitoring_endpoint,
        "account": agent.spec.scaling.account,
        "stream": agent.spec.nats_stream_name,
        "consumer": agent.consumer_group,
        "lagThreshold": str(agent.spec.scaling.lag_threshold),
    }
