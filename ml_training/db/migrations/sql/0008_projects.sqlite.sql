-- What a project uses now, for SQLite: one row a project, since there is one writer at a time.
CREATE TRIGGER projects_counters AFTER INSERT ON projects
BEGIN INSERT INTO project_counters (project_id, pending, running, stored_bytes) VALUES (NEW.id, 0, 0, 0); END
-- next
INSERT INTO projects (id, name, created_at) VALUES (1, 'default', (julianday('now') - 2440587.5) * 86400.0)
-- next
UPDATE project_counters SET
  pending = (SELECT count(*) FROM jobs WHERE status = 'PENDING'),
  running = (SELECT count(*) FROM jobs WHERE status = 'RUNNING'),
  claimed_at = (SELECT max(attempt_started_at) FROM jobs WHERE status = 'RUNNING'),
  stored_bytes = (SELECT coalesce(sum(raw_bytes + index_bytes), 0) FROM datasets WHERE deleted_at IS NULL)
    + (SELECT coalesce(sum(artifact_bytes), 0) FROM models WHERE deleted_at IS NULL)
    + (SELECT coalesce(sum(bytes), 0) FROM predictions WHERE deleted_at IS NULL)
-- next
CREATE TRIGGER jobs_count_insert AFTER INSERT ON jobs
BEGIN UPDATE project_counters SET pending = pending + 1 WHERE project_id = NEW.project_id; END
-- next
CREATE TRIGGER jobs_count_move AFTER UPDATE OF status ON jobs WHEN OLD.status <> NEW.status
BEGIN
  UPDATE project_counters SET
    pending = pending + (NEW.status = 'PENDING') - (OLD.status = 'PENDING'),
    running = running + (NEW.status = 'RUNNING') - (OLD.status = 'RUNNING'),
    claimed_at = CASE WHEN NEW.status = 'RUNNING' THEN NEW.attempt_started_at ELSE claimed_at END
  WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER jobs_count_delete AFTER DELETE ON jobs WHEN OLD.status IN ('PENDING', 'RUNNING')
BEGIN
  UPDATE project_counters SET
    pending = pending - (OLD.status = 'PENDING'), running = running - (OLD.status = 'RUNNING')
  WHERE project_id = OLD.project_id;
END
-- next
CREATE TRIGGER jobs_stay_in_project BEFORE UPDATE OF project_id ON jobs WHEN OLD.project_id <> NEW.project_id
BEGIN SELECT RAISE(ABORT, 'a job stays in its project'); END
-- next
CREATE TRIGGER datasets_count_insert AFTER INSERT ON datasets
BEGIN
  UPDATE project_counters SET stored_bytes = stored_bytes + NEW.raw_bytes + NEW.index_bytes
  WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER datasets_count_change AFTER UPDATE OF raw_bytes, index_bytes, deleted_at ON datasets
BEGIN
  UPDATE project_counters SET stored_bytes = stored_bytes
    + (NEW.deleted_at IS NULL) * (NEW.raw_bytes + NEW.index_bytes)
    - (OLD.deleted_at IS NULL) * (OLD.raw_bytes + OLD.index_bytes)
  WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER models_count_insert AFTER INSERT ON models
BEGIN
  UPDATE project_counters SET stored_bytes = stored_bytes + NEW.artifact_bytes WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER models_count_change AFTER UPDATE OF artifact_bytes, deleted_at ON models
BEGIN
  UPDATE project_counters SET stored_bytes = stored_bytes
    + (NEW.deleted_at IS NULL) * NEW.artifact_bytes - (OLD.deleted_at IS NULL) * OLD.artifact_bytes
  WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER predictions_count_insert AFTER INSERT ON predictions
BEGIN UPDATE project_counters SET stored_bytes = stored_bytes + NEW.bytes WHERE project_id = NEW.project_id; END
-- next
CREATE TRIGGER predictions_count_change AFTER UPDATE OF bytes, deleted_at ON predictions
BEGIN
  UPDATE project_counters SET stored_bytes = stored_bytes
    + (NEW.deleted_at IS NULL) * NEW.bytes - (OLD.deleted_at IS NULL) * OLD.bytes
  WHERE project_id = NEW.project_id;
END
-- next
CREATE TRIGGER models_tags_insert AFTER INSERT ON models WHEN NEW.tags <> '[]'
BEGIN
  INSERT OR IGNORE INTO model_tags (project_id, tag, model_id)
  SELECT NEW.project_id, value, NEW.id FROM json_each(NEW.tags);
END
-- next
CREATE TRIGGER models_tags_update AFTER UPDATE OF tags ON models
BEGIN
  DELETE FROM model_tags WHERE model_id = NEW.id;
  INSERT OR IGNORE INTO model_tags (project_id, tag, model_id)
  SELECT NEW.project_id, value, NEW.id FROM json_each(NEW.tags);
END
