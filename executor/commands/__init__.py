"""A person's tools: they ask a running service, or look after its dead letters."""
