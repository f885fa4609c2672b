"""What the peers' programs share: where they work, what they are asked and what they answer."""

import json
import os

AT_ONCE = int(os.environ["EXECUTOR_CONCURRENCY"])
PREFIX = os.environ["EXECUTOR_SUBJECT_PREFIX"]
JOBS, RESULTS = f"{PREFIX}.execute.*", f"{PREFIX}.status.completed"
POSTGRES = {
    "host": os.environ["POSTGRES_HOST"],
    "port": os.environ["POSTGRES_PORT"],
    "dbname": os.environ["POSTGRES_DB"],
    "user": os.environ["POSTGRES_USER"],
    "password": os.environ["POSTGRES_PASSWORD"],
}


def job_of(body):
    """What the event asks for."""
    return json.loads(body)["data"]


def answer(job):
    """The result of a job."""
    return json.dumps({"data": {"job_id": job["job_id"]}}).encode()
