"""The input that a Composition may give the function: how the platform wants claims composed."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from function.claim.schema import words

API_VERSION = "agentexecutor.fn.platform.bizmatters.io/v1alpha1"
KIND = "Input"


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class ProviderConfigRef(_Fields):
    """A ProviderConfig of provider-kubernetes."""

    name: str = Field(
        min_length=1, max_length=253, description="The name of the ProviderConfig. By default Objects name default."
    )


class Options(_Fields):
    """What the platform decides for all claims of a Composition."""

    compose: Literal["Native", "Objects"] | None = Field(
        default=None,
        description="Native: resources are composed directly, on Crossplane v2. Objects: each in an Object of "
        "provider-kubernetes, as the claims of Crossplane v1 need it. By default Native; for a claim it must be said "
        "where Crossplane is older than 2.2.",
    )
    provider_config_ref: ProviderConfigRef | None = Field(
        default=None, description="The ProviderConfig that Objects are applied with."
    )
    check_secrets: bool = Field(
        default=True,
        description="Whether the function asks for the Secrets that a claim names, to say which of them or which of "
        "their keys is missing. No value is written anywhere.",
    )


class InvalidInput(ValueError):
    """The platform must change the Composition; the message names each field and says what is wrong with it."""


def parse(given: Any) -> Options:
    """Check the input, None where there is none; InvalidInput says what is wrong."""
    said = dict(given) if isinstance(given, dict) else {}
    if said and (said.pop("apiVersion", None), said.pop("kind", None)) != (API_VERSION, KIND):
        raise InvalidInput(f"input: must be of apiVersion {API_VERSION} and kind {KIND}")
    said.pop("metadata", None)
    try:
        return Options.model_validate(said)
    except ValidationError as error:
        raise InvalidInput(words.describe(error, "input")) from None
