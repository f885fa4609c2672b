"""What is generated from the models is what is committed, and says what the function does."""

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from function.composition.conditions import CONDITIONS, STEP_OF_CONDITION
from tests.unit.function.claims import SCHEMA, SPEC, refusal_of, schema_claims
from tools import apis, crossplanes, rendering
from tools.crossplanes import V2, Package


@pytest.mark.parametrize("path", apis.files(), ids=lambda path: path.name)
def test_the_committed_files_are_what_the_models_generate(path: Any) -> None:
    assert path.read_text() == apis.files()[path], "run `python -m tools.apis`"


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


def test_every_field_has_a_description_and_every_text_list_and_map_a_limit() -> None:
    for path, schema in walk("spec", SPEC):
        assert schema.get("description") or path.endswith("[]"), path
        assert schema["type"] != "string" or "maxLength" in schema or "enum" in schema, path
        assert schema["type"] != "array" or "maxItems" in schema, path
        assert schema["type"] != "object" or "properties" in schema or "maxProperties" in schema, path
    assert all(schema.get("description") for path, schema in walk("status", STATUS) if not path.endswith("[]"))


def test_a_group_that_is_there_by_default_has_all_its_defaults() -> None:
    """Kubernetes holds the default against the group's rules as it stands, and refuses the definition if one fails."""
    groups = [schema for _, schema in walk("spec", SPEC) if isinstance(schema.get("default"), dict)]
    assert groups
    for group in groups:
        assert group["default"] == {
            name: inner["default"] for name, inner in group["properties"].items() if "default" in inner
        }


def test_no_rule_looks_at_a_map_whose_keys_have_no_limit() -> None:
    """Kubernetes would refuse such an XRD's CustomResourceDefinition, and Crossplane would not say so."""
    maps = {path.rpartition(".")[2] for path, schema in walk("spec", SPEC) if "additionalProperties" in schema}
    rules = [rule["rule"] for _, schema in walk("spec", SPEC) for rule in schema.get("x-kubernetes-validations", ())]
    assert maps
    assert not [rule for rule in rules for name in maps if f"self.{name}" in rule]


@pytest.mark.parametrize("package", [crossplanes.V1, crossplanes.V1_NATIVE, V2], ids=["v1", "v1 native", "v2"])
def test_a_composition_composes_what_the_definition_defines(package: Package) -> None:
    composition, xrd = yaml.safe_load(package.composition.read_text()), yaml.safe_load(package.xrd.read_text())
    names, group = xrd["spec"]["names"], xrd["spec"]["group"]
    assert composition["spec"]["compositeTypeRef"] == {"apiVersion": f"{group}/v1alpha1", "kind": names["kind"]}
    assert xrd["metadata"]["name"] == f"{names['plural']}.{group}"
    default = xrd["spec"]["defaultCompositionRef"]["name"]
    assert (default == composition["metadata"]["name"]) is (package is not crossplanes.V1_NATIVE)


def test_the_claim_is_the_same_on_both_versions_of_crossplane() -> None:
    claims, composites = (yaml.safe_load(package.xrd.read_text())["spec"] for package in (crossplanes.V1, V2))
    assert claims["claimNames"] == composites["names"]
    assert claims["names"] == {"kind": "XAgentExecutor", "plural": "xagentexecutors"}
    ours, theirs = (schema_of(spec)["properties"] for spec in (claims, composites))
    assert ours["spec"] == theirs["spec"]
    progress = ours["status"]["properties"].pop("progress")
    assert ours["status"] == theirs["status"]
    assert {*progress["properties"]} == {kind[0].lower() + kind[1:] for kind in CONDITIONS}


@pytest.mark.parametrize("package", [crossplanes.V1, V2], ids=["v1", "v2"])
def test_the_columns_and_the_scale_subresource_point_at_fields_and_conditions_that_there_are(package: Package) -> None:
    (version,) = yaml.safe_load(package.xrd.read_text())["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    paths += version.get("subresources", {"scale": {}})["scale"].values()
    known = {f".{path}" for name in ("spec", "status") for path, _ in walk(name, properties[name])}
    known |= {f".status.conditions[?(@.type=='{kind}')].reason" for kind in STEP_OF_CONDITION}
    assert {path.replace("[0]", "") for path in paths} <= known


def test_the_editors_schema_allows_no_unknown_field_and_nothing_that_only_kubernetes_knows() -> None:
    schema = json.loads(apis.JSON_SCHEMA.read_text())
    spec = schema["properties"]["spec"]
    assert all("additionalProperties" in each for _, each in walk("spec", spec) if "properties" in each)
    assert "x-kubernetes" not in apis.JSON_SCHEMA.read_text()


def test_the_package_may_do_what_the_function_composes() -> None:
    """Crossplane itself may manage these, and no others of ours."""
    rules = yaml.safe_load((rendering.ROOT / "package/rbac.yaml").read_text())["rules"]
    granted = {f"{resource}.{group}" for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]}
    composed: set[str] = set()
    for path in (rendering.ROOT / "tests/golden/expected").glob("*.yaml"):
        composed |= {plural(document) for document in [*yaml.safe_load_all(path.read_text())][1:]}
    assert composed - {"deployments.apps", "services.", "serviceaccounts."} == granted


@settings(max_examples=60, deadline=None)
@given(schema_claims())
def test_what_the_schema_takes_the_function_takes_or_refuses_in_our_words(spec: dict[str, Any]) -> None:
    words = refusal_of(spec)
    assert words is None or all(re.match(r"spec[\w.\[\]]*: ", complaint) for complaint in words.split("; "))


STATUS = SCHEMA["properties"]["status"]


def plural(document: dict[str, Any]) -> str:
    kind = document["kind"].lower()
    group = document["apiVersion"].rpartition("/")[0]
    return f"{kind[:-1]}ies.{group}" if kind.endswith("y") else f"{kind}s.{group}"


def schema_of(definition: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = definition["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def walk(path: str, schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    inner = {**schema.get("properties", {}), **({"[]": schema["items"]} if "items" in schema else {})}
    return [(path, schema), *(found for name, each in inner.items() for found in walk(f"{path}.{name}", each))]
