"""The public keys of an issuer, as a JSON Web Key Set (RFC 7517) has them. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from executor.errors import TryAgain

MOST_KEYS = 100
PUBLIC = ("kty", "n", "e", "crv", "x", "y")  # a private key that was published by mistake is used as a public one
SHORTEST_RSA = 2048  # bits, by NIST SP 800-131A
OF_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}


@dataclass(frozen=True)
class Key:
    """A public key, and the algorithms that it may be used with."""

    public: Any
    algorithms: frozenset[str]


@dataclass(frozen=True)
class Keys:
    """The keys of an issuer by their ids."""

    by_id: Mapping[str, Key]

    @classmethod
    def read(cls, document: bytes) -> Self:
        """The keys of a set that we can use; raises TryAgain where it is none."""
        try:
            said = json.loads(document)["keys"]
        except (ValueError, LookupError, TypeError, RecursionError):
            said = None
        if not isinstance(said, list):
            raise TryAgain("what is there is no JSON Web Key Set")
        return cls(dict(_usable(said[:MOST_KEYS])))

    def find(self, key_id: str | None) -> Key | None:
        """The key of this id; a token that names none has the only one."""
        if key_id is None and len(self.by_id) == 1:
            return next(iter(self.by_id.values()))
        return None if key_id is None else self.by_id.get(key_id)


def _usable(said: list[Any]) -> Iterator[tuple[str, Key]]:
    for each in said:
        if isinstance(each, dict) and each.get("use", "sig") == "sig" and isinstance(each.get("kid", ""), str):
            key = _key(each)
            if key is not None:
                yield each.get("kid", ""), key


def _key(said: Mapping[str, Any]) -> Key | None:
    """The key, where its kind is one of ours, it can be read and is no weak one."""
    curve = OF_CURVE.get(str(said.get("crv")))
    algorithms = OF_RSA if said.get("kty") == "RSA" else frozenset(filter(None, [curve]))
    if "alg" in said:
        algorithms = frozenset(each for each in algorithms if each == said["alg"])
    if not algorithms:
        return None
    try:
        return Key(_public({name: said[name] for name in PUBLIC if name in said}), algorithms)
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, AttributeError, ArithmeticError):
        return None


def _public(said: dict[str, Any]) -> Any:
    """Raises one of many errors where the key is not what it says."""
    match said.get("kty"):
        case "RSA":
            key = RSAAlgorithm.from_jwk(said)
            if key.key_size < SHORTEST_RSA:
                raise ValueError("too short")
            return key
        case "EC":
            return ECAlgorithm.from_jwk(said)
        case "OKP":
            return OKPAlgorithm.from_jwk(said)
    raise ValueError("of no kind that we know")
