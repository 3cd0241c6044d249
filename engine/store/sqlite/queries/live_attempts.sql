-- Attempts without an end, with their runs.
select a.*, r.state as run_state, r.stop_requested from attempt a join run r on r.id = a.run_id
where a.state in ('starting', 'running') order by a.created_at
