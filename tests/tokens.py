"""An issuer of tokens, as the tests need one: keys of each kind, the set of them, and tokens of any shape."""

import base64
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://login.example"
AUDIENCE = "agent-executor"
HOUR = 3600


@cache
def private(kind: str = "RS256", name: str = "") -> Any:
    """The private key of this name for an algorithm."""
    del name
    match kind[:2]:
        case "RS" | "PS":
            return rsa.generate_private_key(65537, 2048)
        case "ES":
            curve: Any = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[kind]
            return ec.generate_private_key(curve())
    return ed25519.Ed25519PrivateKey.generate()


def jwk(kind: str = "RS256", name: str = "", **more: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key, whose id is its name, or else the algorithm."""
    public = private(kind, name).public_key()
    form: Any = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm}.get(kind[:2], OKPAlgorithm)
    made = {**form.to_jwk(public, as_dict=True), "kid": name or kind, **more}
    return {name: value for name, value in made.items() if value is not None and name != "key_ops"}


def key_set(*keys: dict[str, Any]) -> bytes:
    """A JSON Web Key Set."""
    return json.dumps({"keys": list(keys)}).encode()


def claims(tenant: str = "red", **changes: Any) -> dict[str, Any]:
    """What a service account's token says; a change to None leaves a claim out."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "exp": now + HOUR,
        "iat": now,
        "sub": f"system:serviceaccount:{tenant}:caller",
        "kubernetes.io": {"namespace": tenant, "serviceaccount": {"name": "caller"}},
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(tenant: str = "red", kind: str = "RS256", name: str = "", kid: str | None = "", **changes: Any) -> str:
    """A token that is right but for the changes; a `kid` of None leaves it out."""
    headers = {} if kid is None else {"kid": kid or name or kind}
    return jwt.encode(claims(tenant, **changes), private(kind, name), kind, headers=headers)


def unsigned(header: Any, payload: Any, signature: bytes = b"") -> str:
    """A token of any parts."""
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
