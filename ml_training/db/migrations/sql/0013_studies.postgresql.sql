-- What the end of a job means for its study, for PostgreSQL.
CREATE FUNCTION jobs_child_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE trials SET status = NEW.status, seconds = NEW.runtime_seconds, error_message = NEW.error_message
  WHERE job_id = NEW.id;
  UPDATE jobs SET
    open_children = open_children - 1,
    run_after = CASE WHEN status = 'PENDING' AND open_children = 1
      THEN extract(epoch from clock_timestamp()) ELSE run_after END
  WHERE id = NEW.parent_id AND status IN ('PENDING', 'RUNNING');
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_child_ended AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.parent_id IS NOT NULL AND NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED'))
EXECUTE FUNCTION jobs_child_ended()
-- next
CREATE FUNCTION jobs_study_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE jobs SET
    cancel_requested = true,
    status = CASE status WHEN 'PENDING' THEN 'CANCELLED' ELSE status END,
    finished_at = CASE status WHEN 'PENDING' THEN extract(epoch from clock_timestamp()) ELSE finished_at END,
    progress_message = CASE status WHEN 'PENDING' THEN 'cancelled' ELSE progress_message END
  WHERE parent_id = NEW.id AND status IN ('PENDING', 'RUNNING');
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_study_ended AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.open_children IS NOT NULL AND NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED'))
EXECUTE FUNCTION jobs_study_ended()
