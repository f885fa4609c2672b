"""One version in all that we ship."""

from importlib import metadata

import pytest
from click.testing import CliRunner

from executor.__main__ import cli as executor
from function.server.main import main as function
from tools import version
from tools.images.__main__ import PROGRAMS
from tools.packages.release import CONFIGURATIONS, FUNCTION, Release


def test_the_installed_wheel_has_the_projects_version() -> None:
    assert metadata.version("agent-executor") == version.version()


@pytest.mark.parametrize("command", [executor, function], ids=["agent-executor", "function-agent-executor"])
def test_both_commands_say_it(command) -> None:
    said = CliRunner().invoke(command, ["--version"])
    assert (said.exit_code, said.output.split()[-1]) == (0, version.version())


def test_images_and_packages_have_it() -> None:
    release = Release("ghcr.io/acme", version.tag())
    assert {program.recipe.arguments["VERSION"] for program in PROGRAMS} == {version.version()}
    assert {program.image.rpartition(":")[2] for program in PROGRAMS} == {version.tag()}
    assert release.image(FUNCTION) == f"ghcr.io/acme/function-agent-executor:v{version.version()}"
    for which in CONFIGURATIONS:
        [ours, *_] = release.configuration(which)["crossplane.yaml"]["spec"]["dependsOn"]
        assert ours["version"] == f">=v{version.version()}"
