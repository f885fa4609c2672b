"""Pods of the executor's image: without privileges, without a token, with a read-only root."""

from collections.abc import Iterable
from typing import Any

from function.claim import sizes
from function.claim.xr import Agent
from function.composition.resources.environment import Variables
from function.composition.resources.volumes import Volume

USER = 65532
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own


def spec(agent: Agent, containers: list[dict[str, Any]], volumes: Iterable[Volume] = (), **more: Any) -> dict[str, Any]:
    """A pod's spec around its containers."""
    pull_secrets = [{"name": name} for name in dict.fromkeys(agent.spec.image_pull_secrets)]
    return {
        "serviceAccountName": agent.base,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({"imagePullSecrets": pull_secrets} if pull_secrets else {}),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_placement(agent),
        "containers": containers,
        "volumes": [{"name": "scratch", "emptyDir": {}}, *({"name": it.name, **it.source} for it in volumes)],
        **more,
    }


def container(
    agent: Agent,
    command: tuple[str, ...],
    environment: Variables,
    volumes: Iterable[Volume] = (),
    **more: Any,
) -> dict[str, Any]:
    """One container, named after its subcommand, of the claim's size unless `more` says otherwise."""
    mounts = [{"name": it.name, "mountPath": it.folder, "readOnly": True} for it in volumes]
    return {
        "name": command[-1],
        "image": agent.spec.image,
        "command": list(command),
        "env": [*environment, {"name": "TMPDIR", "value": SCRATCH}],
        "resources": sizes.resources(agent.spec.size, agent.spec.pod.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}, *mounts],
        **more,
    }


def _placement(agent: Agent) -> dict[str, Any]:
    wanted = agent.spec.pod
    said = {
        "nodeSelector": wanted.node_selector,
        "tolerations": [it.model_dump(by_alias=True, exclude_none=True) for it in wanted.tolerations],
        "priorityClassName": wanted.priority_class_name,
    }
    return {name: value for name, value in said.items() if value}
