-- Attempts: the statements that only SQLite understands, because they name an index.

-- name: live_attempts
-- Attempts without an end, with their runs. Of an active run, only the last attempt can be one, or of each step one.
-- The first condition repeats that of the partial index, which SQLite uses only when it finds it literally.
select a.*, run.id as run_id, run.state as run_state, run.stop_requested
from run indexed by run_active join attempt a on a.run_seq = run.seq and (a.number = run.attempt or a.step <> '')
where run.state in ('running', 'cancelling', 'retry_wait') and run.state in ('running', 'cancelling')
  and a.state in ('starting', 'running')
order by a.created_at;
