-- Attempts: the intent, the proof, the end.
-- SQLite's own: an index is named.

-- name: live_attempts
-- Attempts without an end, with their runs: of those that are active it is the last one.
select a.*, run.id as run_id, run.state as run_state, run.stop_requested
from run indexed by run_active join attempt a on a.run_seq = run.seq and a.number = run.attempt
where run.state in ('running', 'cancelling', 'retry_wait') and run.state in ('running', 'cancelling')
  and a.state in ('starting', 'running')
order by a.created_at;
