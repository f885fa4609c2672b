"""Whom a token makes the caller, and whom it does not."""

import asyncio
import hashlib
import hmac
import json
import time
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from executor.access import Tokens
from executor.access.key_ring import KeyRing
from executor.access.keys import Keys
from executor.access.tokens import LONGEST, Trusted
from executor.errors import TryAgain
from executor.issuers import Issuer
from executor.jobs.caller import Caller, NotAllowed, NotAuthenticated
from tests.tokens import AUDIENCE, HOUR, ISSUER, claims, jwk, key_set, private, token, unsigned

pytestmark = pytest.mark.anyio

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ALL_KEYS = key_set(*(jwk(kind) for kind in ALGORITHMS))
WRITER = Caller.of("red", ["write"])


class Shelf:
    """A source of keys whose document is set, or away."""

    place, fresh_seconds, pause_seconds = "shelf", 300.0, 30.0

    def __init__(self, document=ALL_KEYS):
        self.document = document
        self.reads = 0

    async def read(self):
        self.reads += 1
        await asyncio.sleep(0)
        if self.document is None:
            raise TryAgain("away")
        return self.document


def issuer(**changes):
    return Issuer.model_validate({"issuer": ISSUER, "audience": AUDIENCE, "jwks": "/keys", **changes})


def tokens(*issuers, document=ALL_KEYS):
    return Tokens([Trusted(each, KeyRing(Shelf(document), time.monotonic)) for each in issuers or [issuer()]])


@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_token_signed_with_a_key_of_the_issuer_is_taken(kind):
    assert await tokens().caller(token(kind=kind)) == WRITER


async def test_a_token_without_a_key_id_is_taken_where_there_is_one_key():
    alone = tokens(document=key_set(jwk()))
    assert await alone.caller(token(kid=None)) == WRITER
    assert await refusal(token(kid=None)) == "the token's issuer has no such key (kid)"


async def test_clocks_may_differ_by_half_a_minute():
    now = int(time.time())
    assert await tokens().caller(token(exp=now - 20, nbf=now + 20, iat=now + 20)) == WRITER


async def refusal(shown, *issuers, document=ALL_KEYS):
    with pytest.raises(NotAuthenticated) as refused:
        await tokens(*issuers, document=document).caller(shown)
    text = str(refused.value)
    assert shown not in text or not shown
    assert (refused.value.__cause__, refused.value.__suppress_context__) in {(None, True), (None, False)}
    return text


UNSIGNED = "the token is not signed with the key that it names, or not as it says"
NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exp": NOW - HOUR}, "the token has expired (exp)"),
        ({"exp": None}, "the token lacks a claim (exp)"),
        ({"exp": "soon"}, UNSIGNED),
        ({"exp": float("inf")}, UNSIGNED),
        ({"nbf": NOW + HOUR}, "the token is not valid yet (nbf, iat)"),
        ({"iat": NOW + HOUR}, "the token is not valid yet (nbf, iat)"),
        ({"aud": "other"}, "the token is for another audience (aud)"),
        ({"aud": [{}]}, "the token is for another audience (aud)"),
        ({"aud": None}, "the token lacks a claim (aud)"),
        ({"aud": []}, "the token lacks a claim (aud)"),
        ({"iss": "https://evil.example"}, "the token's issuer is none of those that are trusted here"),
        ({"iss": f"{ISSUER}/"}, "the token's issuer is none of those that are trusted here"),
        ({"iss": None}, "the token names no issuer (iss)"),
        ({"sub": 5}, UNSIGNED),
        ({"kid": "unknown"}, "the token's issuer has no such key (kid)"),
        ({"kid": "ES256"}, UNSIGNED),
        ({"name": "another", "kid": "RS256"}, UNSIGNED),
    ],
)
async def test_a_token_that_is_not_for_us_now_is_refused_in_words(changes, words):
    assert await refusal(token(**changes)) == words


def hs256(secret, header):
    signing = unsigned({"alg": "HS256", "kid": "RS256", **header}, claims()).rpartition(".")[0]
    signature = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
    return signing + "." + unsigned("", "", signature).rpartition(".")[2]


PEM = private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FORGED = {
    "none": unsigned({"alg": "none", "kid": "RS256"}, claims()),
    "None": unsigned({"alg": "None", "kid": "RS256"}, claims(), b"x"),
    "no alg": unsigned({"kid": "RS256"}, claims(), b"x"),
    "the public key as a secret": hs256(PEM, {}),
    "the key set as a secret": hs256(json.dumps(jwk()).encode(), {}),
    "a key of its own in the header": hs256(b"mine" * 8, {"jwk": {"kty": "oct", "k": "bWluZQ"}}),
    "no signature": token().rpartition(".")[0] + ".",
    "another's claims": ".".join(
        [token().split(".")[0], unsigned({}, claims("blue")).split(".")[1], token().split(".")[2]]
    ),
    "an odd alg": unsigned({"alg": ["RS256"], "kid": "RS256"}, claims(), b"x"),
    "an odd kid": unsigned({"alg": "RS256", "kid": {"a": 1}}, claims(), b"x"),
    "an unknown extension": unsigned({"alg": "RS256", "kid": "RS256", "crit": ["x"], "x": 1}, claims(), b"x"),
    "claims that are none": unsigned({"alg": "RS256"}, ["iss"], b"x"),
    "an odd issuer": unsigned({"alg": "RS256"}, {"iss": [ISSUER]}, b"x"),
    "deep claims": ".".join([unsigned({"alg": "RS256"}, 0).split(".")[0], "W1tb" * 4000, "eA"]),
    "many digits": unsigned({"alg": "RS256"}, 0).split(".")[0] + "." + "MTEx" * 4000 + ".eA",
    "one part": "x",
    "many parts": "x" + ".x" * 4000,
    "not base64": "\u00e4.\u00f6.\u00fc",
    "an API key of somebody else's": "lsv2_pt_0123456789abcdef",
    "encrypted": ".".join([unsigned({"alg": "RSA-OAEP", "enc": "A256GCM"}, {}).split(".")[0], "x", "x", "x", "x"]),
    "giant": "x" * (LONGEST + 1),
}


@pytest.mark.parametrize("shown", FORGED.values(), ids=FORGED)
async def test_a_forged_token_is_refused_at_once(shown):
    begun = time.monotonic()
    await refusal(shown)
    assert time.monotonic() - begun < 1


async def test_many_forged_tokens_at_once_are_refused_in_bounded_time_and_ask_for_keys_once():
    shelf = Shelf()
    checked = Tokens([Trusted(issuer(), KeyRing(shelf, time.monotonic))])
    shown = [token(kid=f"unknown-{n}", name="another") for n in range(20)] * 50
    begun = time.monotonic()
    got = await asyncio.gather(*(checked.caller(each) for each in shown), return_exceptions=True)
    assert {str(error) for error in got} == {"the token's issuer has no such key (kid)"}
    assert (shelf.reads, time.monotonic() - begun < 5) == (1, True)


async def test_of_issuers_the_one_that_is_named_says_who_it_is():
    other = issuer(issuer="https://other.example", tenant_claim="team")
    both = tokens(other, issuer())
    assert await both.caller(token()) == WRITER
    assert await both.caller(token(iss="https://other.example", team="blue")) == Caller.of("blue", ["write"])


async def test_one_issuer_may_have_several_audiences():
    both = tokens(issuer(audience="people", roles_claim="groups"), issuer())
    assert await both.caller(token()) == WRITER
    assert await both.caller(token(aud="people", groups=["read"])) == Caller.of("red", ["read"])


@pytest.mark.parametrize("namespace", [None, "", 5, ["red"], "r" * 256, "r\0d", "\ud800"])
async def test_a_token_that_names_no_tenant_may_nothing(namespace):
    changes: Any = {"kubernetes.io": {"namespace": namespace}}
    shown = token(**changes)
    with pytest.raises(NotAllowed, match=r"^the token.*kubernetes\.io\.namespace"):
        await tokens().caller(shown)


async def test_without_keys_nobody_is_known_and_nobody_refused():
    with pytest.raises(TryAgain):
        await tokens(document=None).caller(token())


def test_keys_that_we_cannot_use_are_left_out():
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)  # noqa: S505
    odd: list[Any] = [
        {**short, "kid": "short"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
        {"kty": "RSA", "kid": "no-numbers"},
        {"kty": "RSA", "n": 5, "e": [], "kid": "odd-numbers"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "odd-curve"},
        jwk("ES256", "off-curve", x=jwk("ES256", "p")["x"]),
        jwk("RS256", "for-encryption", use="enc"),
        jwk("RS256", "other-algorithm", alg="RSA-OAEP"),
        {**jwk(), "kid": 5},
        "key",
        None,
    ]
    found = Keys.read(key_set(*odd, jwk("RS256", "right", use="sig", alg="PS256"))).by_id
    assert {kid: key.algorithms for kid, key in found.items()} == {"right": {"PS256"}}


def test_a_private_key_that_was_published_is_used_as_a_public_one():
    published = RSAAlgorithm.to_jwk(private(), as_dict=True) | {"kid": "RS256"}
    assert not hasattr(Keys.read(key_set(published)).by_id["RS256"].public, "private_numbers")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_key_set_is_none(document):
    with pytest.raises(TryAgain):
        Keys.read(document)


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["RS256", "RSA", "EC", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def objects(*names):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, ODD))


@given(header=objects("alg", "kid", "typ", "crit", "b64"), payload=objects("iss", "aud", "exp", "nbf") | ODD)
async def test_whatever_is_shown_is_refused_and_nothing_breaks(header, payload):
    await refusal(unsigned(header, payload, b"x"))
    known = {"iss": ISSUER, **payload} if isinstance(payload, dict) else payload
    await refusal(unsigned({"alg": "RS256", "kid": "RS256", **header}, known, b"x" * 256))


@given(changes=objects("exp", "nbf", "iat", "aud", "sub", "jti", "kubernetes.io"))
async def test_whatever_an_issuer_says_is_taken_or_refused_and_nothing_breaks(changes):
    with suppress(NotAuthenticated, NotAllowed):
        await tokens().caller(jwt.encode({**claims(), **changes}, private(), "RS256", {"kid": "RS256"}))


@given(key=objects("kty", "crv", "alg", "use", "kid", "n", "e", "x", "y") | ODD)
def test_whatever_is_in_a_key_set_its_other_keys_are_read(key):
    odd = key if not isinstance(key, dict) else {**key, "kid": "odd"}
    assert "RS256" in Keys.read(key_set(odd, jwk())).by_id
    for kind in ("ES256", "EdDSA", "RS256"):
        assert (
            "right"
            in Keys.read(
                key_set({**jwk(kind, "odd"), **(key if isinstance(key, dict) else {})}, jwk(name="right"))
            ).by_id
        )
