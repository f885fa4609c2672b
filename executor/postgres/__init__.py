"""What the ledger and the checkpoints share of Postgres: connections, arrays, batching.

No table and no statement may come in.
"""
