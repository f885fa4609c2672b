"""The promise, as checks of a history. Each names what breaks it; none breaks nothing. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from tests.chaos import patience
from tests.chaos.history import AWAKE, OUTAGE, Asked, Call, Fact, Fault, History, Live, Vital

SETTLED = 8.0  # seconds that Dragonfly must have been there before an end that is judged
REDELIVERED = 20.0  # seconds after which a message comes again whose worker's connection to the ledger was held
PROBED = 30.0  # seconds after an outage of the provider in which a gate may still be closed
STEADY = 100.0  # seconds of a worker's life from which its memory is judged
GROWTH_MB, GROWTH = 40.0, 1.15
DESCRIPTORS = 16
KEPT = 3000.0  # a thread's stream expires an hour after its last entry

Check = Callable[[History], Iterator[str]]


def one_terminal_event(history: History) -> Iterator[str]:
    """Each job has one terminal event id, and it is of the word that was to be."""
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for fact in history.terminal():
        said[fact.about].add((fact.id, fact.word))
    planned = {asked.about: asked.word for asked in history.asked}
    for about in sorted(planned.keys() | said.keys()):
        words = sorted(word for _, word in said[about])
        if words != ([planned[about]] if about in planned else []):
            yield f"{about}: {words or 'nothing'}, not {planned.get(about, 'nothing')}"


def published_once(history: History) -> Iterator[str]:
    """Each terminal event lies in the stream once."""
    for identity, count in Counter(fact.id for fact in history.terminal()).items():
        if count > 1:
            yield f"{identity}: {count} times"


def committed_steps_stay(history: History) -> Iterator[str]:
    """Once a later step was called, no earlier one is, but for one call of a worker that was paused."""
    pauses = [fault for fault in history.faults if fault.kind == "pause"]
    for job, calls in history.calls_of_jobs().items():
        excused: set[Fault] = set()
        reached = -1
        for call in calls:
            if call.step < reached:
                pause = next((each for each in pauses if each not in excused and _late(call, each)), None)
                if pause is None:
                    yield f"{job}: step {call.step} by {call.worker} after step {reached}"
                else:
                    excused.add(pause)
            reached = max(reached, call.step)


def repeats_are_excused(history: History) -> Iterator[str]:
    """A step is called again only where a fault hit the worker that had called it."""
    for job, calls in history.calls_of_jobs().items():
        for before, after in _repeats(calls):
            hit = (each for each in history.faults if each.hits(before.worker) or _wakes(each, after))
            if not any(each.overlaps(before.at - AWAKE, after.at) for each in hit):
                yield f"{job}: step {after.step} by {before.worker} and by {after.worker}"


def threads_take_turns(history: History) -> Iterator[str]:
    """Jobs of a thread run one after the other, never two at a time."""
    pauses = [fault for fault in history.faults if fault.kind == "pause"]
    made = history.calls_of_jobs()
    for thread, jobs in _threads(history).items():
        calls = sorted((call for asked in jobs for call in made.get(asked.job, ())), key=lambda call: call.at)
        turns = [call.job for call in calls if not any(_late(call, pause) for pause in pauses)]
        runs = [job for job, before in zip(turns, [None, *turns], strict=False) if job != before]
        for job, count in Counter(runs).items():
            if count > 1:
                yield f"{thread}: {job} went on after another job of its thread had begun"


def threads_keep_their_order(history: History) -> Iterator[str]:
    """Jobs of a thread begin in the order of the stream, but for one whose first delivery may have been lost."""
    began = {job: calls[0].at for job, calls in history.calls_of_jobs().items()}
    for thread, jobs in _threads(history).items():
        placed = sorted((a for a in jobs if a.place is not None and a.job in began), key=lambda a: a.place or 0)
        for first, second in pairwise(placed):
            if began[second.job] < began[first.job] and not _lost(history, first.at, began[second.job]):
                yield f"{thread}: {second.job} began before {first.job}"


def results_are_whole(history: History) -> Iterator[str]:
    """A result holds the job's prompt once with all its replies, and those of its thread's jobs before it."""
    planned = {asked.job: asked for asked in history.asked}
    for fact in history.terminal():
        if fact.told is None or fact.about not in planned:
            continue
        jobs = [job for job, _ in fact.told]
        short = [job for job, replies in fact.told if job not in planned or replies != planned[job].steps]
        if len(set(jobs)) < len(jobs) or short or jobs[-1:] != [fact.about]:
            yield f"{fact.about}: {fact.told}"
    yield from _forgotten(history, planned)


def comes_to_rest(history: History) -> Iterator[str]:
    """Nothing is pending, leased, unfinished or promised in the end."""
    yield from (f"{what}: {count}" for what, count in history.rest.items() if count)


def streams_end(history: History) -> Iterator[str]:
    """A thread's stream says of each job once and last that it ended, and expires; not judged where it was away.

    Twice where a worker learned so late of the outcome that it had written that another one had answered for it.
    """
    ended = {fact.about: fact.at for fact in history.terminal()}
    latest = max(ended.values(), default=0.0)
    away = [fault for fault in history.faults if fault.touches("dragonfly") or fault.kind == "pause"]
    for asked in history.asked:
        at = ended.get(asked.job, 0.0)  # there is no stream of an event that names no job
        unseen = any(fault.overlaps(at - SETTLED, at + 1) for fault in away)
        if unseen or asked.about != asked.job or at < latest - KEPT:
            continue
        live = history.live.get(asked.thread, Live((), -2))
        kinds = [entry.type for entry in live.entries if entry.job == asked.job]
        held = any(
            fault.kind in {"hold", "slow"} and fault.overlaps(at - REDELIVERED, at + 1) for fault in history.faults
        )
        if kinds[-1:] != ["end"] or (kinds.count("end") > 1 and not held):
            yield f"{asked.job}: ends with {kinds[-3:]}, {kinds.count('end')} times `end`"
        elif live.ttl < 0:
            yield f"{asked.job}: its stream does not expire"


def letters_are_the_poison(history: History) -> Iterator[str]:
    """There is a dead letter for each poisoned message, and no other."""
    wanted = Counter((asked.job, reason) for asked in history.asked for reason in asked.letters)
    found = Counter(history.letters)
    yield from (f"{job}: no letter {reason}" for job, reason in wanted - found)
    yield from (f"{job}: a letter {reason} too many" for job, reason in found - wanted)


def workers_end_well(history: History) -> Iterator[str]:
    """Who is told to end ends with 0, and nobody ends by itself."""
    for each in history.exits:
        if each.status != (0 if each.cause == "rollout" else -9) or each.cause == "itself":
            yield f"{each.worker}: ended with {each.status} by {each.cause}"


def workers_stay_small(history: History) -> Iterator[str]:
    """Memory and descriptors of a worker are at the end what they were when it was warm."""
    lives: dict[str, list[Vital]] = defaultdict(list)
    for vital in history.vitals:
        lives[vital.worker].append(vital)
    for worker, vitals in lives.items():
        if vitals[-1].at - vitals[0].at < STEADY:
            continue
        quarter = len(vitals) // 4
        warm, last = vitals[quarter : 2 * quarter], vitals[-quarter:]
        before, after = (median(vital.memory for vital in part) for part in (warm, last))
        if after > before * GROWTH + GROWTH_MB:
            yield f"{worker}: from {before:.0f} to {after:.0f} MB"
        few, many = (median(vital.descriptors for vital in part) for part in (warm, last))
        if many > few + DESCRIPTORS:
            yield f"{worker}: from {few:.0f} to {many:.0f} descriptors"


def secrets_stay_secret(history: History) -> Iterator[str]:
    """No log and no message holds a password or a key."""
    yield from history.leaks


def no_bug_is_logged(history: History) -> Iterator[str]:
    """No worker met what it did not foresee."""
    yield from history.bugs


def http_agrees(history: History) -> Iterator[str]:
    """`GET /jobs` shows each job with the word of its event."""
    told = {fact.about: fact.word for fact in history.terminal()}
    for asked in history.asked:
        if asked.about == asked.job and (shown := history.shown.get(asked.job)) != told.get(asked.job):
            yield f"{asked.job}: shown as {shown}, told as {told.get(asked.job)}"


INVARIANTS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        one_terminal_event,
        published_once,
        committed_steps_stay,
        repeats_are_excused,
        threads_take_turns,
        threads_keep_their_order,
        results_are_whole,
        comes_to_rest,
        streams_end,
        letters_are_the_poison,
        workers_end_well,
        workers_stay_small,
        secrets_stay_secret,
        no_bug_is_logged,
        http_agrees,
        *patience.CHECKS,
    )
}


def judge(history: History) -> dict[str, list[str]]:
    """What breaks each invariant."""
    return {name: list(check(history)) for name, check in INVARIANTS.items()}


def recoveries(history: History) -> list[float]:
    """Seconds from each end by SIGKILL to the next step, elsewhere, of a job that was at work there.

    Of a job that waited for a person or for the provider meanwhile it cannot be told.
    """
    patient = {asked.job for asked in history.asked if asked.asks}
    outages = [fault for fault in history.faults if fault.kind == OUTAGE]
    ended = {fact.about: fact.at for fact in history.terminal()}
    kills = {fault.target: fault.at for fault in history.faults if fault.kind in {"kill", "point"}}
    found = []
    for job, calls in history.calls_of_jobs().items():
        for before, after in pairwise(calls if job not in patient else ()):
            killed = kills.get(before.worker)
            away = any(outage.overlaps(before.at - PROBED, after.at) for outage in outages)
            if killed and before.at <= killed <= after.at and killed < ended.get(job, 0.0) and not away:
                found.append(after.at - killed)
    return found


def _repeats(calls: Sequence[Call]) -> Iterator[tuple[Call, Call]]:
    last: dict[int, Call] = {}
    for call in calls:
        before = last.get(call.step)
        if before is not None and not before.refused:
            yield before, call
        last[call.step] = call


def _late(call: Call, pause: Fault) -> bool:
    return call.worker == pause.target and pause.at <= call.at <= pause.until + AWAKE


def _wakes(fault: Fault, call: Call) -> bool:
    return fault.kind == "pause" and _late(call, fault)


def _threads(history: History) -> dict[str, list[Asked]]:
    threads: dict[str, list[Asked]] = defaultdict(list)
    for asked in history.asked:
        if asked.thread != asked.job:
            threads[asked.thread].append(asked)
    return threads


def _lost(history: History, start: float, end: float) -> bool:
    """Whether a delivery may have been lost between."""
    return any(
        fault.overlaps(start, end) and (fault.kind != "rollout") and not fault.touches("dragonfly")
        for fault in history.faults
    )


def _forgotten(history: History, planned: Mapping[str, Asked]) -> Iterator[str]:
    """Of two conversations of a thread the longer begins with the shorter: no job is lost from it or moved."""
    threads: dict[str, list[Fact]] = defaultdict(list)
    for fact in history.terminal():
        if fact.told is not None and fact.about in planned:
            threads[planned[fact.about].thread].append(fact)
    for facts in threads.values():
        for shorter, longer in pairwise(sorted(facts, key=lambda fact: len(fact.told or ()))):
            before, after = shorter.told or (), longer.told or ()
            if after[: len(before)] != before:
                yield f"{longer.about}: does not go on from {shorter.about}: {before}, {after}"
