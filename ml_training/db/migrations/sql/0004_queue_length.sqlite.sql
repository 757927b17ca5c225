-- The length of the queue, for SQLite: one row, since there is one writer at a time.
INSERT INTO queue_lengths (n) SELECT count(*) FROM jobs WHERE status = 'PENDING'
-- next
CREATE TRIGGER jobs_queue_insert AFTER INSERT ON jobs WHEN NEW.status = 'PENDING'
BEGIN UPDATE queue_lengths SET n = n + 1; END
-- next
CREATE TRIGGER jobs_queue_enter AFTER UPDATE OF status ON jobs WHEN NEW.status = 'PENDING' AND OLD.status <> 'PENDING'
BEGIN UPDATE queue_lengths SET n = n + 1; END
-- next
CREATE TRIGGER jobs_queue_leave AFTER UPDATE OF status ON jobs WHEN OLD.status = 'PENDING' AND NEW.status <> 'PENDING'
BEGIN UPDATE queue_lengths SET n = n - 1; END
-- next
CREATE TRIGGER jobs_queue_delete AFTER DELETE ON jobs WHEN OLD.status = 'PENDING'
BEGIN UPDATE queue_lengths SET n = n - 1; END
