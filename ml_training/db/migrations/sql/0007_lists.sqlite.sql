-- The names of models in job rows, and the tags of models as rows, for SQLite.
ALTER TABLE jobs ADD COLUMN model_name TEXT GENERATED ALWAYS AS (json_extract(spec, '$.model_name')) VIRTUAL
-- next
INSERT INTO model_tags (tag, model_id) SELECT DISTINCT tag.value, models.id FROM models, json_each(models.tags) AS tag
-- next
CREATE TRIGGER models_tags_insert AFTER INSERT ON models WHEN NEW.tags <> '[]'
BEGIN INSERT OR IGNORE INTO model_tags (tag, model_id) SELECT value, NEW.id FROM json_each(NEW.tags); END
-- next
CREATE TRIGGER models_tags_update AFTER UPDATE OF tags ON models
BEGIN
  DELETE FROM model_tags WHERE model_id = NEW.id;
  INSERT OR IGNORE INTO model_tags (tag, model_id) SELECT value, NEW.id FROM json_each(NEW.tags);
END
