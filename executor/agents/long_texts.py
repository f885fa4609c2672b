"""LangGraph looks for messages in all that a node takes and returns, in a text letter by letter.

For 10 MB that is most of a second, in which no other job gets on and no lease is renewed.
"""

from langgraph.pregel import _messages


def pass_over() -> None:
    """Have it look in lists and tuples alone, in this process."""
    _messages.Sequence = list | tuple  # type: ignore[attr-defined,assignment]
