"""When what Crossplane made is taken as what was configured."""

import pytest

from tools.packages.installation import holds

WANTED = {"replicas": 2, "selector": {}, "containers": [{"name": "a", "ports": [1, 2]}]}


@pytest.mark.parametrize(
    "made",
    [
        WANTED,
        {**WANTED, "paused": False, "selector": {"matchLabels": {"a": "b"}}},
        {**WANTED, "containers": [{"name": "a", "ports": [1, 2, 3], "env": []}, {"name": "b"}]},
    ],
    ids=["the same", "more fields", "more entries"],
)
def test_defaults_and_additions_are_no_difference(made):
    assert holds(made, WANTED)


@pytest.mark.parametrize(
    "made",
    [
        {**WANTED, "replicas": 1},
        {**WANTED, "containers": []},
        {**WANTED, "containers": [{"name": "a", "ports": [2, 1]}]},
        {name: value for name, value in WANTED.items() if name != "selector"},
    ],
    ids=["another value", "an entry less", "another order", "a field less"],
)
def test_what_is_missing_or_different_is(made):
    assert not holds(made, WANTED)
