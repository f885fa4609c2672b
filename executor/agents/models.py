"""Language models: a provider's client, imported when a definition asks for it, with the operator's key."""

from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from contract import Env
from executor.agents.definition import INVALID, Model
from executor.agents.gates import name_of
from executor.errors import Rejected
from executor.settings import ModelSettings

PROVIDERS = {
    "openai": ("openai_api_key", "openai_base_url", Env.OPENAI_API_KEY),
    "anthropic": ("anthropic_api_key", "anthropic_base_url", Env.ANTHROPIC_API_KEY),
}


def available(settings: ModelSettings) -> list[str]:
    """The providers that there is a key for."""
    return [provider for provider, (key_field, _, _) in PROVIDERS.items() if getattr(settings, key_field) is not None]


def chat_model(wanted: Model | None, settings: ModelSettings) -> BaseChatModel:
    """The model that a node asks for, or the default one; raises Rejected where this service has no key for it.

    Where the key goes is the operator's word alone: an address in the definition is not heeded.
    """
    provider, name = _identity(wanted or Model(), settings.default)
    if provider not in PROVIDERS:
        raise Rejected(INVALID, f"model.provider: {provider!r} is unknown, {' and '.join(PROVIDERS)} are known")
    key_field, url_field, variable = PROVIDERS[provider]
    key = getattr(settings, key_field)
    if key is None:
        raise Rejected("model_unavailable", f"model.provider: no key for {provider} here, {variable} is not set")
    options = {"base_url": getattr(settings, url_field), **_tuning(wanted)}
    given = {option: value for option, value in options.items() if value is not None}
    model = init_chat_model(name, model_provider=provider, api_key=key, **given)
    assert isinstance(model, BaseChatModel)  # noqa: S101 - the other return is for configurable models
    return model


def name_of_model(wanted: Model | None, settings: ModelSettings) -> str:
    """`provider:model` of what a node asks for, or of the default."""
    return ":".join(_identity(wanted or Model(), settings.default))


def gate_of(wanted: Model | None, settings: ModelSettings) -> str:
    """The gate that the calls of a node's model come to; its client may have an address of its own."""
    model = chat_model(wanted, settings)
    return name_of(model._serialized, model._get_ls_params())  # noqa: SLF001 - as LangChain tells of each call


def _identity(wanted: Model, default: str) -> tuple[str, str]:
    default_provider, _, default_name = default.partition(":")
    if wanted.name is None:
        return default_provider, default_name
    provider, colon, name = wanted.name.partition(":")
    if wanted.provider is None and colon and provider in PROVIDERS:
        return provider, name
    return (wanted.provider or default_provider).lower(), wanted.name


def _tuning(wanted: Model | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    return {"temperature": wanted.temperature, "max_tokens": wanted.max_tokens}
