"""Which claims of a token say what its bearer may do, and whose they are."""

import pytest

from executor.access.claims import caller_of, found
from executor.issuers import Issuer

NOBODY = frozenset[str]()
READ, WRITE, ADMIN = {"read"}, {"read", "write"}, {"read", "write", "admin"}
NAMED = {"roles": {"read": ["viewers"], "write": ["developers"], "admin": ["operators"]}}


def roles(claims, **more):
    issuer = Issuer.model_validate({"issuer": "i", "audience": "a", "jwks": "/keys", "tenant_claim": "team", **more})
    return caller_of({"team": "red", **claims}, issuer).roles


@pytest.mark.parametrize(
    ("more", "claims", "may"),
    [
        ({}, {}, WRITE),
        ({}, {"roles": ["admin"]}, WRITE),
        ({"roles_claim": "roles"}, {}, NOBODY),
        ({"roles_claim": "roles"}, {"roles": ["read"]}, READ),
        ({"roles_claim": "roles"}, {"roles": ["admin", "other"]}, ADMIN),
        ({"roles_claim": "roles"}, {"roles": "write"}, WRITE),
        ({"roles_claim": "roles"}, {"roles": "not write"}, NOBODY),
        ({"roles_claim": "scope"}, {"scope": "openid read"}, READ),
        ({"roles_claim": "groups", **NAMED}, {"groups": ["viewers", 5, None]}, READ),
        ({"roles_claim": "groups", **NAMED}, {"groups": ["developers"]}, WRITE),
        ({"roles_claim": "groups", **NAMED}, {"groups": ["operators", "viewers"]}, ADMIN),
        ({"roles_claim": "groups", **NAMED}, {"groups": ["admin", "Operators"]}, NOBODY),
        ({"roles_claim": "groups", **NAMED}, {"groups": {"operators": True}}, NOBODY),
        ({"roles_claim": "groups", "roles": {}}, {"groups": ["read"]}, NOBODY),
        ({"roles_claim": "realm_access.roles", **NAMED}, {"realm_access": {"roles": ["viewers"]}}, READ),
    ],
)
def test_roles_are_those_whose_values_the_claim_has_and_what_they_imply(more, claims, may):
    assert roles(claims, **more) == may


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", 1),
        ("b.c", 2),
        ("b.c.d", None),
        ("kubernetes.io.namespace", "red"),
        ("kubernetes.io.pod.name", "p"),
        ("x.y", "whole"),
        ("x.z", None),
        ("", None),
    ],
)
def test_a_claim_is_found_by_its_name_or_within_another(path, value):
    claims = {
        "a": 1,
        "b": {"c": 2},
        "kubernetes.io": {"namespace": "red", "pod": {"name": "p"}},
        "x.y": "whole",
        "x": {"y": "inner"},
    }
    assert found(claims, path) == value
