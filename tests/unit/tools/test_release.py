"""What is in the packages, and what installs them."""

import argparse

import pytest
import yaml

from tools import version
from tools.packages.__main__ import NOWHERE, repository
from tools.packages.release import CONFIGURATIONS, FUNCTION, PACKAGE, Release

ACME = Release("ghcr.io/acme", version.tag())
V2, V1 = CONFIGURATIONS
NAME = "acme-function-agent-executor"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("ghcr.io/acme", "acme-function-agent-executor"),
        ("localhost:5000/acme/platform", "acme-platform-function-agent-executor"),
        ("ghcr.io/acme.io", "acme-io-function-agent-executor"),
        ("ghcr.io/acme_co", "acmeco-function-agent-executor"),
        ("ghcr.io/" + "a" * 60, "a" * 60 + "-fu"),
    ],
)
def test_the_function_is_called_what_crossplane_calls_a_dependency_from_there(place, name):
    assert Release(place, "v1.0.0").installed_as(FUNCTION) == name


@pytest.mark.parametrize("which", CONFIGURATIONS, ids=lambda which: which.version)
def test_a_configuration_depends_on_the_function_of_its_own_release(which):
    [ours, *others] = ACME.configuration(which)["crossplane.yaml"]["spec"]["dependsOn"]
    assert ours == {"function": f"ghcr.io/acme/{FUNCTION}", "version": f">={version.tag()}"}
    assert [name for it in others for name in it] == (["provider", "version"] if which is V1 else [])


@pytest.mark.parametrize("which", CONFIGURATIONS, ids=lambda which: which.version)
def test_every_composition_calls_the_function_by_the_name_that_it_is_installed_under(which):
    files = ACME.configuration(which)
    compositions = [document for document in files.values() if document["kind"] == "Composition"]
    called = {step["functionRef"]["name"] for it in compositions for step in it["spec"]["pipeline"]}
    installed = [it for it in ACME.install(which) if it["kind"] == "Function"]
    rendered = ACME.render(which)["functions.yaml"]
    assert called == {NAME}
    assert [it["metadata"]["name"] for it in (*installed, rendered)] == [NAME, NAME]
    assert {it["spec"]["package"] for it in (*installed, rendered)} == {f"ghcr.io/acme/{FUNCTION}:{version.tag()}"}


def test_nothing_but_names_is_changed_on_the_way_into_a_package():
    for which in CONFIGURATIONS:
        for name, document in ACME.definitions(which).items():
            text = yaml.safe_dump(document).replace(NAME, FUNCTION)
            assert yaml.safe_load(text) == yaml.safe_load((which.apis / name).read_text())


def test_the_function_has_its_runtime_configuration_from_its_first_pod_on():
    for which in CONFIGURATIONS:
        documents = ACME.install(which)
        [function] = [it for it in documents if it["kind"] == "Function"]
        configured = {it["metadata"]["name"] for it in documents if it["kind"] == "DeploymentRuntimeConfig"}
        assert function["spec"]["runtimeConfigRef"]["name"] in configured


def test_what_installs_on_v1_is_of_api_versions_that_1_16_has():
    """Function became v1 in 1.17."""
    versions = {it["kind"]: it["apiVersion"] for it in ACME.install(V1)}
    assert versions["Function"] == ACME.render(V1)["functions.yaml"]["apiVersion"] == "pkg.crossplane.io/v1beta1"
    assert ACME.function()["crossplane.yaml"]["apiVersion"] == "meta.pkg.crossplane.io/v1beta1"


def test_no_rule_says_anything():
    """Least privilege: every group, kind and verb is named."""
    documents = [it for path in PACKAGE.glob("*.yaml") for it in yaml.safe_load_all(path.read_text())]
    rules = [rule for it in documents for rule in it.get("rules", ())]
    assert rules
    assert [rule for rule in rules if "*" in str(rule)] == []


def test_provider_kubernetes_may_do_what_crossplane_may_and_what_it_has_of_its_own():
    """Crossplane manages Deployments, Services and ServiceAccounts without being told."""
    own = {"deployments", "services", "serviceaccounts"}
    assert granted("provider-v1.yaml") == granted("rbac.yaml") | own


@pytest.mark.parametrize("text", [NOWHERE, "ghcr.io/acme", "localhost:5000/a/b"])
def test_a_repository_is_a_registry_and_a_path(text):
    assert repository(text) == text


@pytest.mark.parametrize("text", ["", "acme", "ghcr.io/", "ghcr.io/Acme", "https://ghcr.io/acme"])
def test_what_is_no_repository_is_refused_in_words(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"such as ghcr\.io/acme"):
        repository(text)


def granted(name):
    documents = yaml.safe_load_all((PACKAGE / name).read_text())
    return {kind for it in documents for rule in it.get("rules", ()) for kind in rule["resources"]}
