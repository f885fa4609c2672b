"""What became of a job, as the exit status of the command that waited for it. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

from executor.cli.exits import Exit, Stopped


def judge(job: Mapping[str, Any]) -> None:
    """Raise Stopped where a job has not completed; of one that has not ended because the time was over."""
    shown = f"agent-executor jobs show {shlex.quote(job['job_id'])}"
    match job["status"]:
        case "completed":
            return
        case "failed":
            said = (job.get("error") or {}).get("message")
            raise Stopped(Exit.FAILED, f"the job failed: {said}; `{shown}` has all of it")
        case "cancelled":
            raise Stopped(Exit.FAILED, "the job was cancelled; it runs again only under another id")
        case "interrupted":
            raise Stopped(Exit.ASKS, f"the job waits for a person; `{shown}` says for what")
        case status:
            said = f"the job is {status}, and the time is over; `agent-executor jobs wait` goes on waiting"
            raise Stopped(Exit.TIME_OVER, said)


def judge_answer(answer: Mapping[str, Any]) -> None:
    """The same of what a submission that waited was answered."""
    judge({"status": _status(answer), **answer})


def _status(answer: Mapping[str, Any]) -> str:
    if "error" in answer:
        return "failed"
    return "completed" if "result" in answer else "not at its end"
