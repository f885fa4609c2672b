"""The Job that creates or updates the streams and the consumer.

A Job's template is immutable and a finished Job runs no more: a digest of the spec is in its name and in its key, so
that changed settings give a new Job and the superseded one goes. It has no TTL: it would be composed again for ever.
"""

from typing import Any

import contract
from function.claim import names, secrets, sizes
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.readiness import Verdict
from function.composition.resources import environment, metadata, pod, volumes

RETRIES = 20
SIZE = "micro"
ELSEWHERE = Verdict(
    ready=True,
    known=False,
    reason="NotProvisionedHere",
    message="spec.streams.provisioning is None: until somebody made the streams and the consumer, no pod is ready",
)


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


def key(manifest: Manifest) -> str:
    """The composition resource's key, another one for other settings: it ends as the name ends."""
    return f"{metadata.STREAMS}-{manifest['metadata']['name'][-names.DIGEST_LENGTH :]}"


def is_wanted(agent: Agent) -> bool:
    """Whether the claim makes its own streams."""
    return agent.spec.streams.provisioning == "Job"


def _spec(agent: Agent) -> dict[str, Any]:
    authority = volumes.authorities(secrets.nats_authority(agent))
    provision = pod.container(
        agent, contract.STREAMS_COMMAND, environment.streams(agent), authority, resources=sizes.resources(SIZE)
    )
    return {
        "backoffLimit": RETRIES,
        "template": {
            "metadata": {"labels": metadata.labels(agent, metadata.STREAMS)},
            "spec": pod.spec(agent, [provision], authority, restartPolicy="Never"),
        },
    }
