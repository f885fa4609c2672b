"""The lists of capacity are those that the benches' figures say."""

from tools import capacity


def test_the_tables_are_made_from_the_figures():
    current = capacity.PAGE.read_text(encoding="utf-8")
    assert capacity.page(current) == current


def test_a_table_that_was_edited_by_hand_is_found():
    current = capacity.PAGE.read_text(encoding="utf-8")
    edited = current.replace("| this service |", "| this service, quicker |")
    assert edited != current
    assert capacity.page(edited) == current
