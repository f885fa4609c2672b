"""A composed object as Kubernetes has it, in JSON."""

from typing import Any

Manifest = dict[str, Any]
