-- Attempts: the intent to execute, the proof of execution, the end.

-- name: add_attempt
-- The intent to execute, committed before anything starts.
insert into attempt (run_seq, step, item, number, state, boot_id, created_at)
select seq, :step, :item, :number, 'starting', :boot_id, :now from run where id = :run_id;

-- name: mark_attempt_running
-- An attempt is proven to execute.
update attempt set state = 'running', started_at = :started_at
where run_seq = (select seq from run where id = :run_id) and step = :step and item = :item and number = :number
  and state = 'starting';

-- name: end_attempt
-- An attempt has ended.
update attempt set state = :state, started_at = coalesce(:started_at, started_at), ended_at = :ended_at,
                   exit_code = :exit_code, signal = :signal, reason = :reason, detail = :detail,
                   output_bytes = :output_bytes, output_dropped = :output_dropped,
                   leftover_processes = :leftover_processes, max_rss_kb = :max_rss_kb, cpu_seconds = :cpu_seconds
where run_seq = (select seq from run where id = :run_id) and step = :step and item = :item and number = :number
  and state in ('starting', 'running');

-- name: resolve_attempt
-- The end of a lost attempt was found late. Once: the guard is `resolved = ''`.
update attempt set resolved = :resolved, exit_code = :exit_code, signal = :signal, detail = :detail,
                   output_bytes = :output_bytes, output_dropped = :output_dropped
where run_seq = (select seq from run where id = :run_id) and step = :step and item = :item and number = :number
  and state = 'lost' and resolved = '';

-- name: set_aside_attempts
-- A run that is set aside ends together with its attempts.
update attempt set state = 'lost', reason = 'unreadable', ended_at = :now
where run_seq = :seq and state in ('starting', 'running');

-- name: attempts
-- The attempts of a run, step by step, each in its order.
select a.*, r.id as run_id from attempt a join run r on r.seq = a.run_seq where r.id = :run_id order by a.step, a.item, a.number;

-- name: lost_attempts
-- Attempts that were recorded as lost after an instant: evidence of their end may still turn up.
select a.*, r.id as run_id from attempt a join run r on r.seq = a.run_seq
where a.state = 'lost' and a.resolved = '' and a.ended_at > :since order by a.ended_at limit :limit;

-- name: newest_intent
-- When the newest attempt was created. The number is the last instant that a row may hold (cells.py).
select max(created_at) from attempt where created_at <= 221845392000000000;

-- name: live_attempts
-- Attempts without an end, with their runs. Of an active run, only the last attempt can be one, or of each step one.
-- The first condition repeats that of the partial index, which SQLite uses only when it finds it literally.
select a.*, run.id as run_id, run.state as run_state, run.stop_requested
from run indexed by run_active join attempt a on a.run_seq = run.seq and (a.number = run.attempt or a.step <> '')
where run.state in ('running', 'cancelling', 'retry_wait') and run.state in ('running', 'cancelling')
  and a.state in ('starting', 'running')
order by a.created_at;
