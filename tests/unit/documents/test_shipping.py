"""What is built, installed and started by others: Dockerfiles, compose.yaml, the runtime configuration, the guide."""

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from executor.settings import Settings
from function.claim import secrets, xr
from function.composition.resources.pod import USER
from function.server.main import main as function
from tools import version
from tools.lint import DOCKERFILES
from tools.packages.release import CONFIGURATIONS, Release

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
INSTALL = (ROOT / "docs/install.md").read_text()
TAGGED = re.compile(r"^[^@\s]+@sha256:[0-9a-f]{64}$")


def stages(name):
    """The instructions of a Dockerfile, stage by stage, with its arguments before them."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [part.splitlines() for part in re.split(r"^(?=FROM )", "\n".join(lines), flags=re.MULTILINE)]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_built_in_one_stage_and_run_from_another_of_which_both_bases_are_pinned(name):
    arguments, build, runtime = stages(name)
    bases = dict(line.removeprefix("ARG ").split("=", 1) for line in arguments)
    assert [build[0], runtime[0]] == ["FROM ${BUILD_IMAGE} AS build", "FROM ${RUNTIME_IMAGE}"]
    assert [key for key, image in bases.items() if not TAGGED.match(image)] == []


def test_both_images_have_the_same_pair_of_bases():
    assert stages(DOCKERFILES[0])[0] == stages(DOCKERFILES[1])[0]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_runtime_ends_as_the_user_of_the_pods_and_starts_without_a_shell(name):
    runtime = stages(name)[2]
    assert [line for line in runtime if line.startswith("USER")][-1] == f"USER {USER}:{USER}"
    assert [line for line in runtime if re.match(r'(RUN|ENTRYPOINT|CMD) [^\["]', line)] == []
    assert not any("pip" in line for line in runtime)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_a_dockerfile_copies_is_there_and_in_its_context(name):
    context = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [line.split()[1:-1] for line in stages(name)[1] if line.startswith("COPY")]
    names = {source for sources in copied for source in sources}
    assert names
    assert {source for source in names if not (ROOT / source).exists() or source.split("/")[0] not in context} == set()


def test_the_executor_of_compose_is_given_what_its_settings_ask_for():
    given = {name: os.path.expandvars(value) for name, value in COMPOSE["executor"]["environment"].items()}
    assert [name for name in given if name not in Settings.variables()] == []
    settings = Settings.read({name: "" if "$" in value else value for name, value in given.items()})
    assert (settings.nats.url, settings.postgres.host, settings.dragonfly.host) == (
        "nats://nats:4222",
        "postgres",
        "dragonfly",
    )


def test_compose_publishes_on_loopback_only_and_runs_the_executor_as_a_pod_does():
    published = [port for service in COMPOSE.values() for port in service.get("ports", ())]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    confined = {"user": f"{USER}:{USER}", "read_only": True, "cap_drop": ["ALL"], "tmpfs": ["/tmp"]}  # noqa: S108
    for name in ("streams", "migrate", "executor"):
        assert confined.items() <= COMPOSE[name].items()


def test_compose_waits_only_for_services_that_can_say_so():
    for service in COMPOSE.values():
        for other, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert other in COMPOSE
            assert not healthy or "healthcheck" in COMPOSE[other]


def test_the_runtime_configuration_sets_what_the_function_reads_and_probes_where_it_answers():
    [document] = yaml.safe_load_all((ROOT / "package/runtime.yaml").read_text())
    pod = document["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    variables = {variable for option in function.params for variable in [option.envvar] if isinstance(variable, str)}
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    probes = [container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    assert set(environment) <= variables
    assert {probe["grpc"]["port"] for probe in probes} == {int(environment["HEALTH_ADDRESS"].rpartition(":")[2])}
    assert pod["terminationGracePeriodSeconds"] > 22  # what the function lingers and then waits for calls


def test_the_runtime_configuration_is_restricted_as_the_pod_security_standards_know_it():
    [document] = yaml.safe_load_all((ROOT / "package/runtime.yaml").read_text())
    pod = document["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]
    assert (
        pod["securityContext"].items()
        >= {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }.items()
    )
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_guide_makes_the_secrets_that_its_claim_needs():
    [claim] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", INSTALL, re.DOTALL)]
    metadata = claim["metadata"]
    agent = xr.parse(metadata["name"], metadata["namespace"], claim["spec"])
    commands = [line for line in commands_of(INSTALL) if "create secret generic" in " ".join(line)]
    made = {line[line.index("generic") + 1]: {literal(word) for word in line if "literal" in word} for line in commands}
    wanted = {secret.name: secret for secret in secrets.used(agent)}
    assert made.keys() == wanted.keys()
    for name, keys in made.items():
        assert keys <= set(wanted[name].keys.values())
        assert all(keys.intersection(one_of) for one_of in wanted[name].needs)


def test_the_guide_names_what_is_installed_by_its_name():
    release = Release("ghcr.io/acme", version.tag())
    for which in CONFIGURATIONS:
        assert f"install-{which.version}.yaml" in INSTALL
        assert all(name in INSTALL for name in which.later)
    for document in release.install(CONFIGURATIONS[0]):
        assert f"{document['kind']} `{document['metadata']['name']}`" in INSTALL
    assert set(re.findall(r"ghcr\.io/acme/[\w-]+:(v[\d.]+)", INSTALL)) == {version.tag()}


def commands_of(page):
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def literal(word):
    return word.removeprefix("--from-literal=").partition("=")[0]
