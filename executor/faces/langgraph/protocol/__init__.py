"""The thread-wide stream of the LangGraph protocol (version 2): commands in, events out.

Events are made of a thread's entries on the reading side, so that only those pay who watch. No client library.
"""
