"""A real control plane on this machine: `make cluster`."""
