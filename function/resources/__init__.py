"""One module per composed kind, each with `build(agent)`; what several share is in metadata, environment and pod."""
