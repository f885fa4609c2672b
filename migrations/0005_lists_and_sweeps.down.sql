DROP INDEX jobs_by_status, jobs_of_thread, jobs_of_thread_by_status, jobs_waiting, jobs_coming, jobs_woken,
    jobs_in_stream, jobs_stopped_at_gate;
