"""Pods of the executor's image: without privileges, without a token, with a read-only root."""

from typing import Any

from function.resources.environment import Variables
from function.xr import Agent

USER = 65532
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own

# size: CPU request and limit, memory request and limit
SIZES = {
    "micro": ("100m", "500m", "256Mi", "1Gi"),
    "small": ("250m", "1000m", "512Mi", "2Gi"),
    "medium": ("500m", "2000m", "1Gi", "4Gi"),
    "large": ("1000m", "4000m", "2Gi", "8Gi"),
}


def spec(agent: Agent, containers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
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
        "containers": containers,
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        **more,
    }


def container(
    agent: Agent, command: tuple[str, ...], environment: Variables, *, size: str | None = None, **more: Any
) -> dict[str, Any]:
    """One container, named after its subcommand, of the claim's size unless another is given."""
    return {
        "name": command[-1],
        "image": agent.spec.image,
        "command": list(command),
        "env": [*environment, {"name": "TMPDIR", "value": SCRATCH}],
        "resources": _resources(size or agent.spec.size),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
        **more,
    }


def _resources(size: str) -> dict[str, dict[str, str]]:
    cpu_request, cpu_limit, memory_request, memory_limit = SIZES[size]
    return {
        "requests": {"cpu": cpu_request, "memory": memory_request},
        "limits": {"cpu": cpu_limit, "memory": memory_limit},
    }
