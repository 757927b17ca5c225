-- The database's own guards and the ledger, for PostgreSQL. Bounds as in domain/histogram_buckets.py: `le` is inclusive.
CREATE FUNCTION jobs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'PENDING' OR NEW.attempt <> 0 THEN
      RAISE EXCEPTION 'a job is born PENDING with attempt 0';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN
    RAISE EXCEPTION 'a terminal job never changes';
  END IF;
  IF NEW.attempt < OLD.attempt
    OR (NEW.attempt > OLD.attempt AND NOT (OLD.status = 'PENDING' AND NEW.status = 'RUNNING'))
    OR (NEW.attempt = OLD.attempt AND OLD.status = 'PENDING' AND NEW.status = 'RUNNING') THEN
    RAISE EXCEPTION 'attempt rises by a claim, and never falls';
  END IF;
  IF OLD.status = 'PENDING' AND NEW.status NOT IN ('PENDING', 'RUNNING', 'CANCELLED') THEN
    RAISE EXCEPTION 'a PENDING job can only start or be cancelled';
  END IF;
  IF OLD.cancel_requested AND (NOT NEW.cancel_requested OR NEW.status = 'COMPLETED') THEN
    RAISE EXCEPTION 'a job with a cancel request never completes';
  END IF;
  RETURN NEW;
END $$
-- next
CREATE TRIGGER jobs_guard BEFORE INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_guard()
-- next
CREATE FUNCTION jobs_ledger_wait() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wait double precision := greatest(0.0, NEW.started_at - NEW.created_at);
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  VALUES ('wait', NEW.job_type, '', NEW.model_type, CASE
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
      ELSE 10 END, wait, 0);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_ledger_wait AFTER UPDATE OF started_at ON jobs FOR EACH ROW
WHEN (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL) EXECUTE FUNCTION jobs_ledger_wait()
-- next
CREATE FUNCTION jobs_ledger_terminal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  took double precision := greatest(0.0, coalesce(NEW.finished_at - NEW.started_at, 0.0));
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  VALUES ('terminal', NEW.job_type, NEW.status, NEW.model_type, CASE WHEN NEW.started_at IS NULL THEN -1 ELSE CASE
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
    took, coalesce(NEW.rows_used, 0));
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_ledger_terminal AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND OLD.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED'))
EXECUTE FUNCTION jobs_ledger_terminal()
-- next
CREATE FUNCTION lost_attempts_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger (kind, job_type, label, model_type, bucket, seconds, rows)
  VALUES ('lost', '', NEW.reason, '', -1, 0.0, 0);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER lost_attempts_ledger AFTER INSERT ON lost_attempts FOR EACH ROW EXECUTE FUNCTION lost_attempts_ledger()
