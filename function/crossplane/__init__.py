"""Requests to values and values to responses, for each version of Crossplane; no decision about the claim comes in."""
