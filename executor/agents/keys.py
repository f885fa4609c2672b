"""Whether the providers of models take the keys that are here, by a call that costs nothing: the list of models."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from executor.findings import Finding, ok, short, warning, wrong
from executor.settings import ModelSettings

SECONDS = 5.0
VERSION = "2023-06-01"  # of Anthropic's API
REFUSED = {401, 403}
NO_LIST = {404, 405, 501}
THROTTLED = 429


@dataclass(frozen=True)
class Provider:
    """Where a provider tells of its models, and how it is shown a key; `variable` is the key's."""

    name: str
    url: str
    variable: str
    headers: dict[str, str] = field(repr=False)


def providers(settings: ModelSettings) -> Iterator[Provider]:
    """Those that there is a key for."""
    if settings.openai_api_key is not None:
        base = (settings.openai_base_url or "https://api.openai.com/v1").rstrip("/")
        shown = {"Authorization": f"Bearer {settings.openai_api_key.get_secret_value()}"}
        yield Provider("openai", f"{base}/models", "OPENAI_API_KEY", shown)
    if settings.anthropic_api_key is not None:
        base = (settings.anthropic_base_url or "https://api.anthropic.com").rstrip("/")
        shown = {"x-api-key": settings.anthropic_api_key.get_secret_value(), "anthropic-version": VERSION}
        yield Provider("anthropic", f"{base}/v1/models", "ANTHROPIC_API_KEY", shown)


async def examine(settings: ModelSettings) -> list[Finding]:
    """Ask each provider that there is a key for."""
    known = list(providers(settings))
    default = settings.default.partition(":")[0]
    found = await asyncio.gather(*(_asked(provider) for provider in known))
    if not known:
        return [warning("models", "no provider has a key here", "set OPENAI_API_KEY or ANTHROPIC_API_KEY")]
    if default not in {provider.name for provider in known}:
        said = f"agents that name none get {settings.default}, and {default} has no key here"
        return [*found, warning("models", said, "set its key, or EXECUTOR_DEFAULT_MODEL")]
    return list(found)


async def _asked(provider: Provider) -> Finding:
    about = f"models of {provider.name}"
    try:
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(timeout=SECONDS) as client:
            answer = await client.get(provider.url, headers=provider.headers)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        return wrong(about, f"its address is none: {short(error)}", f"correct {provider.name.upper()}_BASE_URL")
    except (httpx.LocalProtocolError, UnicodeEncodeError):  # what they say would show the key
        return wrong(about, "the key cannot be sent: it holds what no header may", f"correct {provider.variable}")
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        place = httpx.URL(provider.url).host
        return warning(about, f"no answer from {place}: {short(error)}", "let the network policy and a proxy pass it")
    return judged(about, answer.status_code, provider)


def judged(about: str, status: int, provider: Provider) -> Finding:
    """What an HTTP status says of the key."""
    if status in REFUSED:
        return wrong(about, f"the key is refused ({status})", f"set {provider.variable} to one that is valid")
    if status in NO_LIST:
        return warning(about, f"the gateway does not list models ({status}): the key was not tried", "try a job")
    if status == THROTTLED:
        return warning(about, "the key is taken, and its rate or quota is used up (429)", "wait, or raise the quota")
    if httpx.codes.is_success(status):
        return ok(about, "the key is taken")
    return warning(about, f"answers {status}: the key was not tried", "look at the provider's status")
