-- The models that jobs from before this table name, as far as a deletion must wait for them, for PostgreSQL.
INSERT INTO job_models (job_id, model_id)
SELECT jobs.id, models.id FROM jobs JOIN models ON models.id = (jobs.spec ->> 'model_id')::bigint
WHERE jobs.job_type = 'TEST' AND jobs.status IN ('PENDING', 'RUNNING')
-- next
INSERT INTO job_models (job_id, model_id)
SELECT jobs.id, models.id
FROM jobs CROSS JOIN LATERAL json_array_elements_text(jobs.spec -> 'model_ids') AS named (id)
JOIN models ON models.id = named.id::bigint
WHERE jobs.job_type = 'COMPARE' AND jobs.status IN ('PENDING', 'RUNNING')
