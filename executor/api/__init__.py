"""Our own HTTP API: FastAPI over `JobService`. No statement and no client of a broker may come in."""
