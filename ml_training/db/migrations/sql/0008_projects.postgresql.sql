-- What a project uses now, for PostgreSQL: the sum of several rows, so that no writer waits for another one.
CREATE FUNCTION project_count(
  of_project bigint, d_pending bigint, d_running bigint, d_bytes bigint, claimed double precision
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE project_counters SET
    pending = pending + d_pending,
    running = running + d_running,
    stored_bytes = stored_bytes + d_bytes,
    claimed_at = greatest(claimed_at, claimed)
  WHERE id = (SELECT id FROM project_counters WHERE project_id = of_project LIMIT 1 FOR UPDATE SKIP LOCKED);
  IF NOT FOUND THEN
    INSERT INTO project_counters (project_id, pending, running, stored_bytes, claimed_at)
    VALUES (of_project, d_pending, d_running, d_bytes, claimed);
  END IF;
END $$
-- next
INSERT INTO projects (name, created_at) VALUES ('default', extract(epoch from clock_timestamp()))
-- next
INSERT INTO project_counters (project_id, pending, running, claimed_at, stored_bytes) SELECT
  1,
  (SELECT count(*) FROM jobs WHERE status = 'PENDING'),
  (SELECT count(*) FROM jobs WHERE status = 'RUNNING'),
  (SELECT max(attempt_started_at) FROM jobs WHERE status = 'RUNNING'),
  (SELECT coalesce(sum(raw_bytes + index_bytes), 0) FROM datasets WHERE deleted_at IS NULL)
    + (SELECT coalesce(sum(artifact_bytes), 0) FROM models WHERE deleted_at IS NULL)
    + (SELECT coalesce(sum(bytes), 0) FROM predictions WHERE deleted_at IS NULL)
-- next
CREATE FUNCTION jobs_count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(project_id, count(*), 0, 0, NULL) FROM inserted GROUP BY project_id;
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_count_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION jobs_count_insert()
-- next
CREATE FUNCTION jobs_count_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(
    NEW.project_id,
    (NEW.status = 'PENDING')::int - (OLD.status = 'PENDING')::int,
    (NEW.status = 'RUNNING')::int - (OLD.status = 'RUNNING')::int,
    0,
    CASE WHEN NEW.status = 'RUNNING' THEN NEW.attempt_started_at END);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_count_move AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION jobs_count_move()
-- next
CREATE FUNCTION jobs_count_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(
    OLD.project_id, -(OLD.status = 'PENDING')::int, -(OLD.status = 'RUNNING')::int, 0, NULL);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_count_delete AFTER DELETE ON jobs FOR EACH ROW
WHEN (OLD.status IN ('PENDING', 'RUNNING')) EXECUTE FUNCTION jobs_count_delete()
-- next
CREATE FUNCTION jobs_stay_in_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a job stays in its project';
END $$
-- next
CREATE TRIGGER jobs_stay_in_project BEFORE UPDATE OF project_id ON jobs FOR EACH ROW
WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION jobs_stay_in_project()
-- next
CREATE FUNCTION datasets_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(NEW.project_id, 0, 0,
    CASE WHEN NEW.deleted_at IS NULL THEN NEW.raw_bytes + NEW.index_bytes ELSE 0 END
    - CASE WHEN TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL THEN OLD.raw_bytes + OLD.index_bytes ELSE 0 END, NULL);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER datasets_count AFTER INSERT OR UPDATE OF raw_bytes, index_bytes, deleted_at ON datasets
FOR EACH ROW EXECUTE FUNCTION datasets_count()
-- next
CREATE FUNCTION models_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(NEW.project_id, 0, 0,
    CASE WHEN NEW.deleted_at IS NULL THEN NEW.artifact_bytes ELSE 0 END
    - CASE WHEN TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL THEN OLD.artifact_bytes ELSE 0 END, NULL);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER models_count AFTER INSERT OR UPDATE OF artifact_bytes, deleted_at ON models
FOR EACH ROW EXECUTE FUNCTION models_count()
-- next
CREATE FUNCTION predictions_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM project_count(NEW.project_id, 0, 0,
    CASE WHEN NEW.deleted_at IS NULL THEN NEW.bytes ELSE 0 END
    - CASE WHEN TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL THEN OLD.bytes ELSE 0 END, NULL);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER predictions_count AFTER INSERT OR UPDATE OF bytes, deleted_at ON predictions
FOR EACH ROW EXECUTE FUNCTION predictions_count()
-- next
CREATE OR REPLACE FUNCTION models_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM model_tags WHERE model_id = NEW.id;
  INSERT INTO model_tags (project_id, tag, model_id)
  SELECT NEW.project_id, tag, NEW.id FROM json_array_elements_text(NEW.tags) AS tag ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
