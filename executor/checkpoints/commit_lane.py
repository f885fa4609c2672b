"""One connection of the committer's: it sends together all that gathered while it was busy."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from executor.checkpoints.statement import STATEMENT, parameters
from executor.checkpoints.unit import Unit, answer
from executor.errors import LeaseLost, TryAgain
from executor.postgres.arrays import Packed
from executor.postgres.batching import linger
from executor.telemetry import Metrics

log = structlog.get_logger()

BATCH_UNITS = 256
FEW = 4  # units that one commit may always take
SLOW_SECONDS = 0.01  # where a commit takes longer, none is made to wait for the next
BATCH_BYTES = 4 << 20
PATIENCE_SECONDS = 60.0  # how long a unit waits for a database that is away
LOSSES = 5  # how often the connection may break under a unit before the unit is held to be the cause
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
ANSWER_SECONDS = 35.0  # longer than the server's own limit: past it, it is the network that is silent

Options = dict[str, Any]
# One plan for good, made perhaps while the tables are empty: it must not read them whole when they are large.
PLAN = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
OPTIONS: Options = {
    "autocommit": True,
    "prepare_threshold": 0,
    "connect_timeout": 10,
    "client_encoding": "UTF8",
    "application_name": "agent-executor checkpoints",
    "options": f"-c statement_timeout=30s -c lock_timeout=2s {PLAN}",
}


@dataclass(eq=False, slots=True)
class Waiting:
    """A unit, who waits for it, and until when it is worth waiting for a database that is away."""

    unit: Unit
    done: asyncio.Future[None]
    deadline: float


class CommitLane:
    """Commits in the order of arrival. No unit fails for another's sake: what fails together is sent one by one."""

    def __init__(self, conninfo: Options, metrics: Metrics) -> None:
        self._conninfo = OPTIONS | conninfo
        self._metrics = metrics
        self._waiting: deque[Waiting] = deque()
        self._batch: list[Waiting] = []  # what is being committed
        self._something = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._asking: set[str] = set()  # the jobs whose units wait
        self._asked: set[str] = set()  # those of the last commit
        self._took = 0.0  # seconds, as the last commit's jobs saw them
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, unit: Unit) -> asyncio.Future[None]:
        """Done when it is committed; LeaseLost where the epoch is another's, TryAgain where the database fails it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            answer(done, _stopped())
        else:
            self._asking.add(unit.claim.job_id)
            self._waiting.append(Waiting(unit, done, time.monotonic() + PATIENCE_SECONDS))
            self._something.set()
        return done

    async def flush(self) -> None:
        """Wait until everything has its answer."""
        while unanswered := [waits.done for waits in (*self._batch, *self._waiting) if not waits.done.done()]:
            await asyncio.wait(unanswered)

    async def run(self) -> None:
        """Commit for ever; at the end, whoever still waits is told to try again."""
        try:
            while True:
                await self._something.wait()
                await linger(lambda: len(self._waiting) >= self._half())
                self._gather()
                await self._commit()
        finally:
            self._closed = True
            for waiting in (*self._batch, *self._waiting):
                answer(waiting.done, _stopped())
            await self._hang_up()

    def _gather(self) -> None:
        """Take what waits, but of about half of the jobs at most."""
        most = BATCH_UNITS if self._took > SLOW_SECONDS else self._half()
        self._batch, size = [], 0
        while self._waiting and len(self._batch) < most and size < BATCH_BYTES:
            self._batch.append(self._waiting.popleft())
            size += self._batch[-1].unit.size
        if not self._waiting:
            self._something.clear()
        self._asked = {waiting.unit.claim.job_id for waiting in self._batch}
        self._asking -= self._asked

    def _half(self) -> int:
        """Half of the jobs that are known of: were all to wait for one commit, nothing would be computed meanwhile."""
        return min(max(FEW, (len(self._asking | self._asked) + 1) // 2), BATCH_UNITS)

    async def _commit(self) -> None:
        try:
            await self._send(self._batch)
        except Exception as error:  # noqa: BLE001 - the lane outlives whatever a unit holds
            log.warning("checkpoints not committed", units=len(self._batch), error=_name(error))
            for waiting in self._batch:
                await self._insist(waiting)

    async def _insist(self, waiting: Waiting) -> None:
        """Send one unit until it has an answer: again where the connection broke under it, a few times."""
        error: Exception | None = None
        for losses in range(LOSSES):
            await asyncio.sleep(FIRST_PAUSE * losses**2)
            error = await self._try(waiting)
            if error is None:
                return
            if self._connection is not None or isinstance(error, TryAgain):
                break
        log.warning("checkpoint refused", job=waiting.unit.claim.job_id, error=_name(error))
        answer(waiting.done, _refusal(error))

    async def _try(self, waiting: Waiting) -> Exception | None:
        try:
            await self._connect(waiting.deadline)
            await self._send([waiting])
        except Exception as error:  # noqa: BLE001 - the lane outlives whatever a unit holds
            return error
        return None

    async def _send(self, batch: Sequence[Waiting]) -> None:
        """One round trip, one transaction. What was sent when the connection broke may be committed or not."""
        values = parameters([waiting.unit for waiting in batch])
        began = time.perf_counter()
        committed = await self._ask(values)
        self._took = time.perf_counter() - began
        self._metrics.checkpoint_seconds.observe(self._took)
        self._metrics.checkpoint_units.observe(len(batch))
        for n, waiting in enumerate(batch):
            answer(waiting.done, None if n in committed else self._stale(waiting))

    async def _ask(self, values: Sequence[Packed]) -> set[int]:
        connection = self._connection or await self._open()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                cursor = await connection.execute(STATEMENT, values, binary=True)
                return {n for (n,) in await cursor.fetchall()}
        except BaseException as error:
            if connection.closed or not isinstance(error, psycopg.Error):
                await self._hang_up()
            raise

    async def _connect(self, deadline: float) -> None:
        """Wait for a connection; raises TryAgain where there is none until the deadline."""
        pause = FIRST_PAUSE
        while self._connection is None:
            if time.monotonic() >= deadline:
                raise TryAgain("Postgres: no connection")
            try:
                await self._open()
            except psycopg.Error:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _open(self) -> psycopg.AsyncConnection[Any]:
        self._connection = await psycopg.AsyncConnection.connect(**self._conninfo)
        return self._connection

    async def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None

    def _stale(self, waiting: Waiting) -> LeaseLost:
        self._metrics.stale_epochs.inc()
        return LeaseLost(waiting.unit.claim.job_id)


def _refusal(error: Exception | None) -> Exception | None:
    """What the job is told: the world's fault where it is the database's, else the error as it is."""
    return TryAgain(f"Postgres: {_name(error)}") if isinstance(error, psycopg.Error | TimeoutError) else error


def _stopped() -> TryAgain:
    return TryAgain("Postgres: not committed before the process stopped")


def _name(error: Exception | None) -> str:
    return type(error).__name__  # not its message, which may hold what the job wrote
