DROP TRIGGER jobs_come ON jobs;
DROP TRIGGER jobs_end ON jobs;
DROP FUNCTION touch_thread();
DROP TABLE threads;
