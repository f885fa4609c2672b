"""The composition function: a claim in, the resources of a running agent service out."""
