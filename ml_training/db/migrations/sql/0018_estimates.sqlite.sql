-- Whether estimates held, for SQLite: from half of the estimate less a slack to twice the estimate and the slack.
CREATE TRIGGER jobs_estimate_wait AFTER UPDATE OF started_at ON jobs
WHEN OLD.started_at IS NULL AND NEW.started_at IS NOT NULL AND NEW.estimated_wait IS NOT NULL
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  SELECT CASE WHEN took BETWEEN NEW.estimated_wait / 2 - 5 AND NEW.estimated_wait * 2 + 5
      THEN 'estimate_held' ELSE 'estimate_missed' END, NEW.job_type, 'starts_in_seconds', '', -1, took, 0
  FROM (SELECT NEW.started_at - NEW.created_at AS took);
END
-- next
CREATE TRIGGER jobs_estimate_seconds AFTER UPDATE OF status ON jobs
WHEN NEW.status = 'COMPLETED' AND NEW.estimated_seconds IS NOT NULL AND NEW.reused_from IS NULL
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  VALUES (CASE WHEN NEW.runtime_seconds BETWEEN NEW.estimated_seconds / 2 - 1 AND NEW.estimated_seconds * 2 + 1
      THEN 'estimate_held' ELSE 'estimate_missed' END, NEW.job_type, 'seconds', '', -1, NEW.runtime_seconds, 0);
END
