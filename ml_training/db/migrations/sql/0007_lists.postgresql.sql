-- The names of models in job rows, and the tags of models as rows, for PostgreSQL.
ALTER TABLE jobs ADD COLUMN model_name text GENERATED ALWAYS AS (spec ->> 'model_name') STORED
-- next
INSERT INTO model_tags (tag, model_id)
SELECT DISTINCT tag, models.id FROM models, json_array_elements_text(models.tags) AS tag
-- next
CREATE FUNCTION models_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM model_tags WHERE model_id = NEW.id;
  INSERT INTO model_tags (tag, model_id)
  SELECT tag, NEW.id FROM json_array_elements_text(NEW.tags) AS tag ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
-- next
CREATE TRIGGER models_tags_insert AFTER INSERT ON models FOR EACH ROW WHEN (NEW.tags::text <> '[]')
EXECUTE FUNCTION models_tags()
-- next
CREATE TRIGGER models_tags_update AFTER UPDATE OF tags ON models FOR EACH ROW EXECUTE FUNCTION models_tags()
