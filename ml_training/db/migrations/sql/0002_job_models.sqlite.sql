-- The models that jobs from before this table name, as far as a deletion must wait for them, for SQLite.
INSERT INTO job_models (job_id, model_id)
SELECT jobs.id, models.id FROM jobs JOIN models ON models.id = json_extract(jobs.spec, '$.model_id')
WHERE jobs.job_type = 'TEST' AND jobs.status IN ('PENDING', 'RUNNING')
-- next
INSERT INTO job_models (job_id, model_id)
SELECT jobs.id, models.id FROM jobs, json_each(jobs.spec, '$.model_ids') AS named JOIN models ON models.id = named.value
WHERE jobs.job_type = 'COMPARE' AND jobs.status IN ('PENDING', 'RUNNING')
