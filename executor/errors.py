"""The executor's one tree of errors: whose fault it is decides what follows."""


class ExecutorError(Exception):
    """An error that the executor foresaw; its text may be shown to the sender."""


class Rejected(ExecutorError):
    """The sender's fault: it will never work, so it is not tried again.

    `reason` is one word: the error's type in the event, and the last token of the dead letter's subject.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TryAgain(ExecutorError):
    """The world's fault: the same job may work a moment later."""


class GateClosed(TryAgain):
    """A provider has refused again and again: its `gate` lets the next call through after so many seconds.

    `cause` is the type of the error that closed it.
    """

    def __init__(self, gate: str, after: float, cause: str) -> None:
        super().__init__(f"{gate} has refused again and again ({cause}): waiting for its next probe")
        self.gate = gate
        self.after = after
        self.cause = cause


class StepLimit(ExecutorError):
    """The job took as many steps as its `recursion_limit` allows: more attempts would only take more."""


class LeaseLost(ExecutorError):
    """Another worker owns the job now: whatever this one still holds is void."""


class Misconfigured(ExecutorError):
    """The environment or the operator's set-up is wrong: the process cannot start."""


class Drained(ExecutorError):
    """The run stopped between two steps because it was asked to; it goes on from its checkpoint elsewhere."""


class Cancelled(ExecutorError):
    """Somebody asked for the end of the job."""
