"""A token becomes a caller: a JSON Web Token (RFC 7519) that one of the issuers signed for this service."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from executor.access.claims import caller_of
from executor.access.key_ring import KeyRing
from executor.access.keys import Key
from executor.access.sources import FileSource, UrlSource
from executor.issuers import Issuer
from executor.jobs.caller import Caller, NotAuthenticated

LONGEST = 16 << 10  # characters of a token
LEEWAY = 30.0  # seconds that two clocks may differ by
RULES: Any = {"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True}
UNCHECKED: Any = {"verify_signature": False}
# PyJWT foresees the first; what a hostile token may do to the parsers below it are the others.
BROKEN = (jwt.PyJWTError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Trusted:
    """An issuer and its keys."""

    issuer: Issuer
    keys: KeyRing


class Tokens:
    """Whoever one of the issuers vouches for."""

    def __init__(self, trusted: Sequence[Trusted]) -> None:
        self._trusted = trusted

    async def caller(self, token: str) -> Caller:
        """Who shows this token; raises NotAuthenticated, NotAllowed, or TryAgain where its keys are not there."""
        if len(token) > LONGEST:
            raise NotAuthenticated(f"the token is longer than {LONGEST} characters")
        issuer, key_id = _named(token)
        wrong = NotAuthenticated("the token's issuer is none of those that are trusted here")
        for each in self._trusted:
            if each.issuer.issuer == issuer:
                try:
                    return caller_of(_claims(token, each.issuer, await each.keys.find(key_id)), each.issuer)
                except NotAuthenticated as error:
                    wrong = error
        raise wrong


@asynccontextmanager
async def open_tokens(issuers: Sequence[Issuer], clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Tokens]:
    """The tokens of these issuers; issuers with one source share its keys."""
    async with httpx.AsyncClient(follow_redirects=False) as client:
        places = {issuer.jwks for issuer in issuers}
        rings = {
            place: KeyRing(FileSource(place) if place.startswith("/") else UrlSource(place, client), clock)
            for place in places
        }
        try:
            yield Tokens([Trusted(issuer, rings[issuer.jwks]) for issuer in issuers])
        finally:
            for ring in rings.values():
                ring.stop()


def _named(token: str) -> tuple[str, str | None]:
    """The issuer and the id of the key that a token names, which anybody can write."""
    try:
        parts = jwt.decode_complete(token, options=UNCHECKED)
    except BROKEN:
        raise NotAuthenticated("what was shown is no JSON Web Token") from None
    issuer = parts["payload"].get("iss")
    if not isinstance(issuer, str):
        raise NotAuthenticated("the token names no issuer (iss)")
    return issuer, parts["header"].get("kid")


def _claims(token: str, issuer: Issuer, key: Key | None) -> dict[str, Any]:
    """What a token says that is signed with the key, for us and now; no text of PyJWT is told."""
    if key is None:
        raise NotAuthenticated("the token's issuer has no such key (kid)")
    try:
        return jwt.decode(
            token,
            key=key.public,
            algorithms=sorted(key.algorithms),
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=LEEWAY,
            options=RULES,
        )
    except jwt.ExpiredSignatureError:
        raise NotAuthenticated("the token has expired (exp)") from None
    except jwt.ImmatureSignatureError:
        raise NotAuthenticated("the token is not valid yet (nbf, iat)") from None
    except jwt.InvalidAudienceError:
        raise NotAuthenticated("the token is for another audience (aud)") from None
    except jwt.MissingRequiredClaimError as error:
        raise NotAuthenticated(f"the token lacks a claim ({error.claim})") from None
    except BROKEN:
        raise NotAuthenticated("the token is not signed with the key that it names, or not as it says") from None
