-- Attempts without an end, with their runs.
select a.*, r.id as run_id, r.state as run_state, r.stop_requested from attempt a join run r on r.seq = a.run_seq
where a.state in ('starting', 'running') order by a.created_at
