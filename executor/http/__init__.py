"""The HTTP API: FastAPI over the front desk."""
