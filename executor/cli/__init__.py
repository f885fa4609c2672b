"""A person's commands. What they need of the service they import when they run; no decision about a job may come in."""
