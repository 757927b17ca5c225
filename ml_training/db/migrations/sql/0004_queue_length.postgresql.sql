-- The length of the queue, for PostgreSQL: the sum of several rows, so that no writer waits for another one.
CREATE FUNCTION queue_length_add(change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE queue_lengths SET n = n + change
  WHERE id = (SELECT id FROM queue_lengths LIMIT 1 FOR UPDATE SKIP LOCKED);
  IF NOT FOUND THEN
    INSERT INTO queue_lengths (n) VALUES (change);
  END IF;
END $$
-- next
CREATE FUNCTION jobs_queue_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  added bigint := (SELECT count(*) FROM inserted WHERE status = 'PENDING');
BEGIN
  IF added > 0 THEN
    PERFORM queue_length_add(added);
  END IF;
  RETURN NULL;
END $$
-- next
CREATE FUNCTION jobs_queue_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM queue_length_add(CASE WHEN TG_OP = 'UPDATE' AND NEW.status = 'PENDING' THEN 1 ELSE -1 END);
  RETURN NULL;
END $$
-- next
CREATE TRIGGER jobs_queue_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION jobs_queue_insert()
-- next
CREATE TRIGGER jobs_queue_move AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (OLD.status <> NEW.status AND (OLD.status = 'PENDING' OR NEW.status = 'PENDING'))
EXECUTE FUNCTION jobs_queue_move()
-- next
CREATE TRIGGER jobs_queue_delete AFTER DELETE ON jobs FOR EACH ROW
WHEN (OLD.status = 'PENDING') EXECUTE FUNCTION jobs_queue_move()
-- next
INSERT INTO queue_lengths (n) SELECT count(*) FROM jobs WHERE status = 'PENDING'
