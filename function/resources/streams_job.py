"""The Job that creates or updates the streams and the consumer.

A Job's template is immutable and a finished Job runs no more: a digest of the spec is in its name and in its key, so
that changed settings give a new Job and the superseded one goes. It has no TTL: it would be composed again for ever.
"""

from typing import Any

import contract
from function import names
from function.resources import environment, metadata, pod
from function.targets import Manifest
from function.xr import Agent

RETRIES = 20


def build(agent: Agent) -> Manifest:
    """The Job for the claim's present settings."""
    spec = _spec(agent)
    name = names.label(agent.base, metadata.STREAMS, names.digest(spec))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata.of(agent, name, metadata.STREAMS),
        "spec": spec,
    }


def key(agent: Agent) -> str:
    """The composition resource's key, another one for other settings."""
    return f"{metadata.STREAMS}-{names.digest(_spec(agent))}"


def _spec(agent: Agent) -> dict[str, Any]:
    provision = pod.container(agent, contract.STREAMS_COMMAND, environment.streams(agent), size="micro")
    return {
        "backoffLimit": RETRIES,
        "template": {
            "metadata": {"labels": metadata.labels(agent, metadata.STREAMS)},
            "spec": pod.spec(agent, [provision], restartPolicy="Never"),
        },
    }
