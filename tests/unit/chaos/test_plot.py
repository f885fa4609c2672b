"""The charts of a soak."""

from tests.chaos.plot import POINTS, chart


def test_a_chart_has_a_point_for_each_few_neighbours_and_begins_at_zero():
    lines = chart("Memory", "MB", 60.4, [100.0] * 999 + [900.0]).splitlines()
    assert lines[2:5] == [
        '    title "Memory, 900 at most"',
        '    x-axis "minutes" 0 --> 60',
        '    y-axis "MB" 0 --> 125',
    ]
    assert 0 < lines[5].count("100") <= POINTS
    assert "900" not in lines[5]
