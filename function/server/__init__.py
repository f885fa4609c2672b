"""The process: its command line, gRPC, health and metrics; nothing about what is composed comes in."""
