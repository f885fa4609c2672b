"""What a person sees while a command waits."""

import pytest

from executor.cli.durations import seconds_of
from executor.cli.progress import progress


def test_a_line_is_written_over_and_gone_at_the_end(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress() as say:
        say("job\x1b[2J is queued")
    assert capsys.readouterr().err == "\r\x1b[Kjob\\x1b[2J is queued\r\x1b[K"


def test_a_program_sees_nothing_of_it(capsys):
    with progress() as say:
        say("job is queued")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("10m", 600), ("2h", 7200), ("7d", 604_800), ("soon", None), ("-1", None), ("", None)],
)
def test_spans_of_time_are_written_as_people_write_them(text, seconds):
    assert seconds_of(text) == seconds
