"""Agents: a definition becomes a compiled graph, and a job runs it. LangGraph and LangChain live here.

Nothing of the broker or the ledger may come in.
"""
