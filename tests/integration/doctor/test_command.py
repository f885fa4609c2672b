"""`agent-executor doctor` as a process: what it prints, and how it ends."""

import asyncio
import json
import sys

import pytest

from contract import Env
from executor.cli import doctor
from executor.cli.doctor import Check
from executor.errors import Misconfigured
from executor.findings import Finding, ok, told, warning, works, wrong

pytestmark = pytest.mark.anyio

HASTY = """
import sys
from executor.cli import doctor
from executor.__main__ import main
doctor.LOADING_SECONDS = 3
sys.argv = ["agent-executor", "doctor"]
main()
"""


async def ran(environment, *command):
    """The status of a process, and what it printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=environment, stdout=pipe, stderr=pipe)
    printed, said = await process.communicate()
    return process.returncode, printed.decode(), said.decode()


def an_image(folder, module):
    """The environment of an image with one graph."""
    (folder / "mine.py").write_text(module)
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"mine": "./mine.py:graph"}}))
    return {Env.EXECUTOR_GRAPHS: str(folder / "langgraph.json")}


async def test_json_is_alone_on_stdout_and_what_lasts_is_on_stderr(provisioned, tmp_path):
    environment = {**provisioned, **an_image(tmp_path, "print('hello from the module')")}
    status, printed, said = await ran(environment, "-m", "executor", "doctor", "--json")
    answer = json.loads(printed)
    assert (status, set(answer), answer["works"]) == (1, {"findings", "works"}, False)
    assert {frozenset(finding) for finding in answer["findings"]} == {frozenset({"about", "state", "said", "help"})}
    assert [finding["about"] for finding in answer["findings"] if finding["state"] == "wrong"] == ["graphs"]
    assert said.splitlines() == [
        "asking the servers and providers ...",
        "loading graphs and agents ...",
        "hello from the module",
    ]


async def test_warnings_are_a_success_and_each_finding_is_a_line(provisioned):
    status, printed, _ = await ran({**provisioned, Env.DRAGONFLY_PORT: "1"}, "-m", "executor", "doctor")
    lines = printed.splitlines()
    assert status == 0
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    assert [line for line in lines if line.startswith("warning  Dragonfly: no answer at 127.0.0.1, port 1: ")]


async def test_an_environment_without_anything_names_all_that_is_missing():
    status, printed, said = await ran({}, "-m", "executor", "doctor")
    missing = [line.split()[2] for line in printed.splitlines() if line.startswith("wrong    setting ")]
    assert status == 1
    assert {"NATS_URL:", "NATS_STREAM_NAME:", "POSTGRES_PASSWORD:", "DRAGONFLY_HOST:"} <= set(missing)
    assert "Traceback" not in said


async def test_a_graph_whose_module_never_ends_holds_neither_the_others_nor_the_end(provisioned, tmp_path):
    environment = {**provisioned, **an_image(tmp_path, "import threading; threading.Event().wait()")}
    status, printed, _ = await ran(environment, "-c", HASTY)
    assert status == 1
    assert printed.splitlines()[-1] == "wrong    graphs and agents: no answer within 3 s -> look at it by hand"
    assert "ok       migrations: all " in printed


async def never() -> list[Finding]:
    await asyncio.Event().wait()
    return []


async def failing() -> list[Finding]:
    raise RuntimeError("a bug")


async def foreseen() -> list[Finding]:
    raise Misconfigured("the folder is none")


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (
            Check("it", never, "wrong", 0.01),
            [wrong("it", "no answer within 0.01 s", "look at it by hand")],
        ),
        (
            Check("it", failing),
            [warning("it", "could not be examined: RuntimeError('a bug')", "look at it by hand")],
        ),
        (Check("it", foreseen, "wrong"), [wrong("it", "the folder is none", "look at it by hand")]),
    ],
)
async def test_a_check_that_fails_is_a_finding(check, expected):
    assert await doctor._answer(check) == expected


def test_a_finding_is_one_line_and_only_what_is_wrong_keeps_it_from_working():
    fine, poor, bad = ok("a", "is there"), warning("b", "is\n slow", "wait"), wrong("c", "is away", "start it")
    assert [told(each) for each in (fine, poor, bad)] == [
        "ok       a: is there",
        "warning  b: is slow -> wait",
        "wrong    c: is away -> start it",
    ]
    assert (works([fine, poor]), works([fine, poor, bad])) == (True, False)
