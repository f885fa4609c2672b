"""The ledger's statements, as texts. No connection may come in."""
