DROP TABLE outbox;
DROP TABLE jobs;
