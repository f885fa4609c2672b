"""Claims out of the XRD's own schema."""

from typing import Any

import yaml
from hypothesis import strategies as st

from function.claim.schema.fields import QUALIFIED
from function.claim.xr import InvalidClaim, parse
from tools import rendering

XRD = yaml.safe_load(rendering.XRD.read_text())
SCHEMA = XRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]

# Patterns that match more than a test should wait for.
SAMPLES: dict[str, list[Any]] = {
    "image": ["app", "registry.example:5000/team/app:v1", "app@sha256:" + "0a" * 32],
    "natsUrl": ["nats://nats.nats.svc:4222", "tls://a.b.svc,b.example:1", "nats://broker.example"],
    "cidr": ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "10.0.0.1/8", "169.254.0.0/16", "169.254.169.254/32"],
    "secretKeyRef": [{"name": "s", "key": "k"}],
}


def schema_claims() -> st.SearchStrategy[dict[str, Any]]:
    """Any spec that the schema takes, but for its rules over several fields."""
    return _values("spec", SPEC)


def refusal_of(spec: Any) -> str | None:
    """What is said to a spec, None where it is taken."""
    try:
        parse("a", "b", spec)
    except InvalidClaim as error:
        return str(error)
    return None


def _values(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if name in SAMPLES:
        return st.sampled_from(SAMPLES[name])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return BY_TYPE[schema["type"]](schema)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        keys = st.from_regex(QUALIFIED, fullmatch=True).filter(lambda key: len(key) < 64)
        return st.dictionaries(keys, _values("", schema["additionalProperties"]), max_size=2)
    fields = {name: _values(name, inner) for name, inner in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    longest = schema["maxLength"]
    texts = st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else st.text(max_size=8)
    return texts.filter(lambda text: len(text) <= longest)


BY_TYPE = {
    "object": _objects,
    "string": _texts,
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "boolean": lambda _: st.booleans(),
    "array": lambda schema: st.lists(_values("", schema["items"]), max_size=2),
}
