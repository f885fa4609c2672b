"""A gate before a provider, with a clock of the test's own."""

from heapq import heappop, heappush
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from executor.jobs.gate import LONGEST_DELAY, REFUSALS, Gate

OUTAGE = 20 * 60.0
JOBS = 2000


def closed(now=0.0):
    gate = Gate(Random(1))  # noqa: S311 - spreads probes, guards nothing
    for _ in range(REFUSALS):
        gate.refused(now, None, "E")
    return gate


def test_it_closes_after_five_refusals_in_a_row_and_a_success_begins_the_count_anew():
    gate = Gate()
    for _ in range(REFUSALS - 1):
        gate.refused(0.0, None, "E")
    assert (gate.succeeded(), gate.is_closed) == (True, False)
    for _ in range(REFUSALS - 1):
        gate.refused(0.0, None, "E")
    assert gate.enter(0.0) == 0.0
    gate.refused(0.0, None, "E")
    assert gate.is_closed
    assert gate.enter(0.0) > 0.0


def test_one_probe_goes_alone_and_opens_it_for_all():
    gate = closed()
    due = gate.probe_at
    assert gate.enter(due) == 0.0
    assert gate.enter(due) > 0.0
    assert gate.succeeded()
    assert [gate.enter(due), gate.enter(due)] == [0.0, 0.0]
    assert not gate.succeeded(), "no news"


def test_a_probe_that_nobody_hears_of_again_is_followed_by_another():
    gate = closed()
    assert gate.enter(gate.probe_at) == 0.0
    assert gate.enter(gate.probe_at) == 0.0


@given(after=st.none() | st.floats(0, 600), times=st.integers(1, 20))
def test_probes_become_rarer_up_to_a_minute_and_as_rare_as_the_provider_asks(after, times):
    gate = closed()
    for _ in range(times):
        gate.refused(0.0, after, "E")
    longest = min(LONGEST_DELAY, 2.0**times)
    assert max(longest / 2, after or 0.0) <= gate.probe_at <= max(longest, after or 0.0)


def test_twenty_minutes_of_outage_with_many_jobs_are_few_calls_and_few_wakes():
    """Each job comes when the gate told it to; what failed itself comes again a minute later."""
    gate, calls, wakes = Gate(Random(1)), 0, 0  # noqa: S311 - as above
    coming: list[tuple[float, int]] = [(n * 0.1, n) for n in range(JOBS)]
    while coming[0][0] < OUTAGE:
        now, job = heappop(coming)
        wakes += 1
        if wait := gate.enter(now):
            heappush(coming, (now + wait, job))
            continue
        calls += 1
        gate.refused(now, None, "E")
        heappush(coming, (now + LONGEST_DELAY, job))
    assert calls < REFUSALS + OUTAGE / LONGEST_DELAY * 2 + 10
    assert wakes < JOBS + 3 * calls + OUTAGE
    assert gate.succeeded()
    assert gate.enter(OUTAGE) == 0.0
