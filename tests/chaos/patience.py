"""What is promised to people and of providers' outages, as checks of a history, like those of `invariants`. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.chaos.history import AWAKE, OUTAGE, Asked, Fact, Fault, History, Kind

STATUSES: Mapping[Kind, int] = {"right": 202, "again": 202, "wrong": 202, "refused": 422, "late": 409}
# Five calls in a row that fail close a worker's gate, with up to four more under way: each is three requests of
# OpenAI's client. From then on one call probes, after 1 s, 2 s, 4 s and so on.
STORM, STORM_A_SECOND = 30, 2.0


def questions_are_told(history: History) -> Iterator[str]:
    """Each time a job asks is told once: all that it asks at once, and after a wrong answer with the error."""
    for asked in _asking(history):
        told = _told(history, asked)
        if len(told[0].asked if told else ()) != asked.asks[0]:
            yield f"{asked.job}: asks {asked.asks[0]} at first, told of {told[:1]}"
        yield from (f"{each}: {n} times" for each, n in Counter(fact.id for fact in told).items() if n > 1)
        wrong = [answer.questions[0] for answer in history.answers if (answer.job, answer.kind) == (asked.job, "wrong")]
        back = [fact.asked for fact in told if fact.sorry]
        if len(back) != len(wrong) or not all(each in again for each, again in zip(wrong, back, strict=True)):
            yield f"{asked.job}: wrong answers to {wrong}, asked again: {back}"


def answers_are_judged(history: History) -> Iterator[str]:
    """Each answer gets the HTTP status that it is to get, and one that cannot be right changes nothing."""
    for answer in history.answers:
        if answer.status != STATUSES[answer.kind] or answer.changed:
            yield f"{answer.job}: {answer}"


def answers_are_taken_once(history: History) -> Iterator[str]:
    """A result holds what each right answer said once, no other answer, and nothing that was asked is left out."""
    ended = {fact.about: fact for fact in history.terminal() if fact.word == "completed"}
    for asked in _asking(history):
        right = [answer for answer in history.answers if (answer.job, answer.kind) == (asked.job, "right")]
        said = sorted(word for answer in right for word in answer.words)
        answered = {question for answer in right for question in answer.questions}
        if (end := ended.get(asked.job)) and (sorted(end.said) != said or len(answered) != sum(asked.asks)):
            yield f"{asked.job}: {len(answered)} of {sum(asked.asks)} answered with {said}, taken: {end.said}"


def attempts_are_faults(history: History) -> Iterator[str]:
    """A job that nothing hit was tried once, however often it asked and was rolled."""
    begun = {asked.job: asked.at for asked in history.asked}
    refused = {call.job for call in history.calls if call.refused}
    for fact in history.terminal():
        if fact.attempts in {None, 1} or fact.about in refused or fact.about not in begun:
            continue
        if not any(_counts(each) and each.overlaps(begun[fact.about] - AWAKE, fact.at) for each in history.faults):
            yield f"{fact.about}: {fact.attempts} attempts"


def outages_meet_no_storm(history: History) -> Iterator[str]:
    """A provider that is away is asked now and then, and not by each job again and again."""
    for outage in (fault for fault in history.faults if fault.kind == OUTAGE):
        during = Counter(call.worker for call in history.calls if call.refused and outage.overlaps(call.at, call.at))
        seconds = outage.until - outage.at
        for worker, count in during.items():
            if count > STORM + STORM_A_SECOND * seconds:
                yield f"{worker}: {count} requests in {seconds:.0f} s"


CHECKS = (questions_are_told, answers_are_judged, answers_are_taken_once, attempts_are_faults, outages_meet_no_storm)


def _asking(history: History) -> Iterator[Asked]:
    return (asked for asked in history.asked if asked.asks)


def _told(history: History, asked: Asked) -> list[Fact]:
    return [fact for fact in history.facts if fact.word == "interrupted" and fact.about == asked.about]


def _counts(fault: Fault) -> bool:
    """Whether an attempt may have ended by it."""
    return fault.kind != "rollout" and not fault.touches("dragonfly")
