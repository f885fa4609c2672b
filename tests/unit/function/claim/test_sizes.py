"""Quantities, and what is more than another."""

from decimal import Decimal

import pytest

from function.claim.sizes import excess, number


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("500m", Decimal("0.5")),
        ("2", Decimal(2)),
        ("1.5", Decimal("1.5")),
        ("1k", Decimal(1000)),
        ("128974848", Decimal(128974848)),
        ("256Mi", Decimal(256 * 1024**2)),
        ("2Gi", Decimal(2 * 1024**3)),
        ("1G", Decimal(10**9)),
        ("1Ti", Decimal(1024**4)),
    ],
)
def test_a_quantity_is_the_number_that_kubernetes_takes_it_for(quantity: str, value: Decimal) -> None:
    assert number(quantity) == value


@pytest.mark.parametrize(
    ("requests", "limits", "found"),
    [
        ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1000m", "memory": "1024Mi"}, None),
        ({"cpu": "1001m", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}, "cpu"),
        ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1G"}, "memory"),
    ],
)
def test_what_is_requested_beyond_the_limit_is_found(
    requests: dict[str, str], limits: dict[str, str], found: str | None
) -> None:
    assert excess({"requests": requests, "limits": limits}) == found
