"""One module per composed kind, each with `build(agent)`: of the claim alone, nothing that is observed comes in."""
