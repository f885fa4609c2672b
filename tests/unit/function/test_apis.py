"""The schema that Kubernetes enforces and the one that the function reads say the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from function import xr

APIS = Path(__file__).parent.parent.parent.parent / "apis" / "v2"
XRD = yaml.safe_load((APIS / "xrd.yaml").read_text())
SCHEMA = XRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
GROUPS = {"scaling": xr.Scaling, "streams": xr.Streams, "drain": xr.Drain}


@pytest.mark.parametrize(
    ("schema", "model"),
    [(SPEC, xr.Spec), *((SPEC["properties"][name], model) for name, model in GROUPS.items())],
)
def test_the_schema_has_the_models_fields_with_their_defaults_and_limits(
    schema: dict[str, Any], model: type[BaseModel]
) -> None:
    ours = model.model_json_schema()["properties"]
    assert list(schema["properties"]) == list(ours)
    for name, theirs in schema["properties"].items():
        if name not in GROUPS:
            assert facts(theirs) == facts(ours[name]), name


def test_the_patterns_are_the_models_own() -> None:
    properties = SPEC["properties"]
    names = ("postgresConnectionSecret", "dragonflyConnectionSecret", "llmKeysSecret")
    assert properties["image"]["pattern"] == xr.IMAGE
    assert {properties[name]["pattern"] for name in names} == {xr.SECRET_NAME}
    assert properties["imagePullSecrets"]["items"]["pattern"] == xr.SECRET_NAME
    assert properties["natsStreamName"]["pattern"] == properties["natsConsumerGroup"]["pattern"] == xr.NATS_NAME
    assert properties["streams"]["properties"]["subjectPrefix"]["pattern"] == xr.SUBJECT


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("nats://nats.nats.svc:4222", True),
        ("tls://a:1,tls://b:2", True),
        ("tls://a,b:2", True),
        ("nats://[::1]:4222", True),
        ("http://a", False),
        ("nats://me:pw@a", False),
        ("nats://a b", False),
    ],
)
def test_the_pattern_of_the_url_takes_what_the_function_takes(url: str, *, matches: bool) -> None:
    assert bool(re.search(SPEC["properties"]["natsUrl"]["pattern"], url)) is matches


def test_every_field_has_a_description_and_every_string_a_limit() -> None:
    for path, schema in walk("spec", SPEC):
        assert schema.get("description"), path
        assert schema["type"] != "string" or "maxLength" in schema or "enum" in schema, path
        assert schema["type"] != "array" or "maxItems" in schema, path
    assert all(schema.get("description") for _, schema in walk("status", SCHEMA["properties"]["status"]))


def test_the_composition_composes_what_the_definition_defines() -> None:
    composition = yaml.safe_load((APIS / "composition.yaml").read_text())
    names, group = XRD["spec"]["names"], XRD["spec"]["group"]
    assert composition["spec"]["compositeTypeRef"] == {"apiVersion": f"{group}/v1alpha1", "kind": names["kind"]}
    assert XRD["metadata"]["name"] == f"{names['plural']}.{group}"
    assert XRD["spec"]["defaultCompositionRef"]["name"] == composition["metadata"]["name"]


def facts(schema: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of schema say alike, whether a field may be left out or not."""
    (stated, *_) = schema.get("anyOf", [schema])
    default = schema.get("default")
    return {
        "type": stated["type"],
        "enum": stated.get("enum"),
        "default": default,
        "limits": {key: stated.get(key) for key in ("minimum", "maximum", "maxLength", "maxItems")},
    }


def walk(path: str, schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    inner = {**schema.get("properties", {}), **({"[]": schema["items"]} if "items" in schema else {})}
    return [(path, schema), *(found for name, each in inner.items() for found in walk(f"{path}.{name}", each))]
