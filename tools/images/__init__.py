"""Builds the images on Debian without a Docker engine, runs them, and counts what is in them: `make images`."""
