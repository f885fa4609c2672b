"""`agent-executor completion`."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_the_program(run, shell):
    done = run("completion", shell)
    assert (done.status, f"_AGENT_EXECUTOR_COMPLETE={shell}_complete" in done.out) == (0, True)


def test_another_shell_is_told_which_there_are(run):
    done = run("completion", "ksh")
    assert (done.status, "'bash', 'zsh', 'fish'" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "found"),
    [("agent-executor jobs w", ["plain,wait"]), ("agent-executor jobs wait x --for e", ["plain,ended"])],
)
def test_the_program_says_what_may_follow(line, found):
    words = line.split()
    asked = {"_AGENT_EXECUTOR_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "executor"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == found
