"""What the exit status of a command says."""

from enum import IntEnum

from executor.errors import ExecutorError

EPILOG = """\b
Exit status:
  0  done; of `submit` without --wait: accepted
  1  the job failed or was cancelled, and any other error
  2  the command was written wrongly
  3  the service cannot be reached, or cannot answer now
  4  there is no such thing
  5  a conflict: the id is taken, or the job is in no state for that
  6  the job waits for a person
  7  the time of --wait or --timeout is over
"""


class Exit(IntEnum):
    """The statuses that programs may branch on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    CONFLICT = 5
    ASKS = 6
    TIME_OVER = 7


class Stopped(ExecutorError):
    """A command ends here, with this status; the text says what to do next."""

    def __init__(self, status: Exit, message: str) -> None:
        super().__init__(message)
        self.status = status
