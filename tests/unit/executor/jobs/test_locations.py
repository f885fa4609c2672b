"""Locations of jobs: each can be fetched, whatever the id."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.jobs.locations import job_at, location_of


@pytest.mark.parametrize(
    ("job_id", "location"),
    [
        ("job-1", "/jobs/job-1"),
        ("x/events", "/jobs/x%2Fevents"),
        ("ä ö?#%2F\n", "/jobs/%C3%A4%20%C3%B6%3F%23%252F%0A"),
        (".", "/jobs/~."),
        ("..", "/jobs/~.."),
        ("~..", "/jobs/~~.."),
        ("...", "/jobs/..."),
        ("~", "/jobs/~"),
        ("~x", "/jobs/~x"),
    ],
)
def test_a_location_is_one_step_below_jobs(job_id, location):
    assert location_of(job_id) == location


@given(job_id=st.text(min_size=1) | st.text("~./", min_size=1))
def test_a_location_leads_back_to_its_job_and_no_client_changes_it(job_id):
    location = location_of(job_id)
    assert job_at(location.removeprefix("/jobs/")) == job_id
    assert httpx.URL("http://here").join(location).raw_path.decode() == location
