"""Whether the keys that tokens are checked with are where each issuer's setting says."""

import asyncio

import httpx

from executor.access.keys import Keys
from executor.access.sources import FileSource, UrlSource
from executor.errors import TryAgain
from executor.findings import Finding, ok, short, warning
from executor.issuers import Issuer
from executor.settings import AccessSettings

ABOUT = "tokens"


async def examine(settings: AccessSettings) -> list[Finding]:
    """Read the keys of each issuer, as the service does."""
    if not settings.issuers:
        return [ok(ABOUT, "callers need none: EXECUTOR_AUTH names no issuer")]
    async with httpx.AsyncClient(follow_redirects=False) as client:
        return list(await asyncio.gather(*(_issuer(issuer, client) for issuer in settings.issuers)))


async def _issuer(issuer: Issuer, client: httpx.AsyncClient) -> Finding:
    about, place = f"{ABOUT} of {issuer.issuer}", issuer.jwks
    source = FileSource(place) if issuer.is_local else UrlSource(place, client)
    try:
        keys = Keys.read(await source.read()).by_id
    except TryAgain as error:
        to_do = "correct jwks in EXECUTOR_AUTH, or let the network policy pass it"
        return warning(about, f"no keys from {place}: {short(error)}: its callers are not let in", to_do)
    if not keys:
        return warning(about, f"{place} holds no key that can be used", "docs/security.md says which can")
    return ok(about, f"{len(keys)} keys from {place}")
