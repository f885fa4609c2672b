"""The ledger in Postgres: who works on which job, what became of it, and what must still be said.

Every write of a worker is conditional on the epoch of its claim, so that one that was paused past its lease writes
nothing. Time is the database's. No decision about a job may come in, but for what a statement must decide itself.
"""

from executor.ledger.definitions import Definitions
from executor.ledger.ledger import Ledger
from executor.ledger.pods import Pods
from executor.ledger.register import Register
from executor.ledger.sweeps import Sweeps
from executor.ledger.threads import Threads
from executor.ledger.waiting import WaitingRoom

__all__ = ["Definitions", "Ledger", "Pods", "Register", "Sweeps", "Threads", "WaitingRoom"]
