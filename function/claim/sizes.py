"""CPU and memory: what a size stands for, and what the claim says otherwise."""

from decimal import Decimal

from function.claim.schema.pods import Resources

# size: CPU request and limit, memory request and limit
SIZES = {
    "micro": ("100m", "500m", "256Mi", "1Gi"),
    "small": ("250m", "1000m", "512Mi", "2Gi"),
    "medium": ("500m", "2000m", "1Gi", "4Gi"),
    "large": ("1000m", "4000m", "2Gi", "8Gi"),
}
UNITS = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000**power) for power, unit in enumerate(("k", "M", "G", "T"), 1)},
    **{unit: Decimal(1024**power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
}

Amounts = dict[str, dict[str, str]]


def resources(size: str, other: Resources | None = None) -> Amounts:
    """The resources of a container, the claim's own before the size's."""
    cpu_request, cpu_limit, memory_request, memory_limit = SIZES[size]
    said = other.model_dump(exclude_none=True) if other else {"requests": {}, "limits": {}}
    return {
        "requests": {"cpu": cpu_request, "memory": memory_request} | said["requests"],
        "limits": {"cpu": cpu_limit, "memory": memory_limit} | said["limits"],
    }


def excess(amounts: Amounts) -> str | None:
    """The first resource of which more is requested than the limit allows; Kubernetes would refuse the pods."""
    requests, limits = amounts["requests"], amounts["limits"]
    return next((name for name in requests if number(requests[name]) > number(limits[name])), None)


def number(quantity: str) -> Decimal:
    """The number that a quantity such as 500m or 2Gi stands for."""
    digits = quantity.rstrip("mkMGTKi")
    return Decimal(digits) * UNITS.get(quantity[len(digits) :], Decimal(1))
