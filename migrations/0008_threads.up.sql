-- Threads as people see them: what they are noted for, and when they were made and last touched. What a thread is doing
-- is read off its jobs. Threads of earlier jobs come in with the next job that begins or ends on them.
CREATE TABLE threads (
    thread_id  text        PRIMARY KEY,
    metadata   jsonb,                                 -- NULL is none: most have none, and are in no index of it
    agent      text,                                  -- of its latest job that asked for one by name
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),    -- when a job last came or ended, or somebody changed it
    has_jobs   boolean     NOT NULL DEFAULT false     -- one that has none is forgotten in time
);

CREATE INDEX threads_by_metadata ON threads USING gin (metadata jsonb_path_ops) WHERE metadata IS NOT NULL;
CREATE INDEX threads_by_creation ON threads (created_at DESC, thread_id DESC);
CREATE INDEX threads_by_update ON threads (updated_at DESC, thread_id DESC);
CREATE INDEX threads_of_agent ON threads (agent, updated_at DESC, thread_id DESC) WHERE agent IS NOT NULL;
CREATE INDEX threads_without_jobs ON threads (updated_at) WHERE NOT has_jobs;

-- By trigger, so that the jobs of an earlier image make their threads, too. Whoever has a thread's row locked touches it
-- at this moment: nobody waits for it, and no two wait for each other. Where it is being deleted, it comes back with the
-- job's end. A job without a digest is nobody's: it holds a thread whose last job is being forgotten.
CREATE FUNCTION touch_thread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.digest = '' THEN
        UPDATE threads SET has_jobs = false WHERE thread_id = NEW.thread_id;
    ELSIF EXISTS (SELECT FROM threads WHERE thread_id = NEW.thread_id) THEN
        UPDATE threads SET updated_at = now(), has_jobs = true, agent = coalesce(NEW.agent, agent)
        WHERE thread_id = (SELECT thread_id FROM threads WHERE thread_id = NEW.thread_id FOR NO KEY UPDATE SKIP LOCKED);
    ELSE
        INSERT INTO threads (thread_id, agent, has_jobs) VALUES (NEW.thread_id, NEW.agent, true) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_come AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION touch_thread();
CREATE TRIGGER jobs_end AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status IN ('interrupted', 'completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION touch_thread();
