-- The database's own guards and the ledger, for SQLite. Bounds as in domain/histogram_buckets.py: `le` is inclusive.
CREATE TRIGGER jobs_born_pending BEFORE INSERT ON jobs
WHEN NEW.status <> 'PENDING' OR NEW.attempt <> 0
BEGIN SELECT RAISE(ABORT, 'a job is born PENDING with attempt 0'); END
-- next
CREATE TRIGGER jobs_terminal_is_final BEFORE UPDATE ON jobs
WHEN OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
BEGIN SELECT RAISE(ABORT, 'a terminal job never changes'); END
-- next
CREATE TRIGGER jobs_attempt_is_a_fence BEFORE UPDATE ON jobs
WHEN NEW.attempt < OLD.attempt
  OR (NEW.attempt > OLD.attempt AND NOT (OLD.status = 'PENDING' AND NEW.status = 'RUNNING'))
  OR (NEW.attempt = OLD.attempt AND OLD.status = 'PENDING' AND NEW.status = 'RUNNING')
BEGIN SELECT RAISE(ABORT, 'attempt rises by a claim, and never falls'); END
-- next
CREATE TRIGGER jobs_moves BEFORE UPDATE OF status ON jobs
WHEN OLD.status = 'PENDING' AND NEW.status NOT IN ('PENDING', 'RUNNING', 'CANCELLED')
BEGIN SELECT RAISE(ABORT, 'a PENDING job can only start or be cancelled'); END
-- next
CREATE TRIGGER jobs_cancel_is_kept BEFORE UPDATE ON jobs
WHEN (OLD.cancel_requested AND NOT NEW.cancel_requested)
  OR (OLD.cancel_requested AND NEW.status = 'COMPLETED')
BEGIN SELECT RAISE(ABORT, 'a job with a cancel request never completes'); END
-- next
CREATE TRIGGER jobs_ledger_wait AFTER UPDATE OF started_at ON jobs
WHEN OLD.started_at IS NULL AND NEW.started_at IS NOT NULL
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  SELECT 'wait', NEW.job_type, '', NEW.model_type, CASE
      WHEN wait <= 0.05 THEN 0
      WHEN wait <= 0.1 THEN 1
      WHEN wait <= 0.5 THEN 2
      WHEN wait <= 1 THEN 3
      WHEN wait <= 5 THEN 4
      WHEN wait <= 15 THEN 5
      WHEN wait <= 60 THEN 6
      WHEN wait <= 300 THEN 7
      WHEN wait <= 900 THEN 8
      WHEN wait <= 1800 THEN 9
      ELSE 10 END, wait, 0
  FROM (SELECT max(0.0, NEW.started_at - NEW.created_at) AS wait);
END
-- next
CREATE TRIGGER jobs_ledger_terminal AFTER UPDATE OF status ON jobs
WHEN NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  SELECT 'terminal', NEW.job_type, NEW.status, NEW.model_type, CASE WHEN NEW.started_at IS NULL THEN -1 ELSE CASE
      WHEN took <= 0.1 THEN 0
      WHEN took <= 0.5 THEN 1
      WHEN took <= 1 THEN 2
      WHEN took <= 5 THEN 3
      WHEN took <= 15 THEN 4
      WHEN took <= 30 THEN 5
      WHEN took <= 60 THEN 6
      WHEN took <= 300 THEN 7
      WHEN took <= 900 THEN 8
      WHEN took <= 3600 THEN 9
      WHEN took <= 14400 THEN 10
      WHEN took <= 43200 THEN 11
      WHEN took <= 86400 THEN 12
      ELSE 13 END END,
    took, coalesce(NEW.rows_used, 0)
  FROM (SELECT max(0.0, coalesce(NEW.finished_at - NEW.started_at, 0.0)) AS took);
END
-- next
CREATE TRIGGER lost_attempts_ledger AFTER INSERT ON lost_attempts
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  VALUES ('lost', '', NEW.reason, '', -1, 0.0, 0);
END
