"""Builds the Crossplane packages, pushes them to a registry on loopback, and looks at what arrived: `make packages`."""
