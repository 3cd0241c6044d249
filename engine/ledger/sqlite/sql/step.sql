-- Steps: the queries that name SQLite's partial indexes.

-- name: startable_steps
-- Steps that may start now, those of older runs first. Two queries, so that each uses its partial index.
select * from (
  select s.*, r.id as run_id from step s indexed by step_ready join run r on r.seq = s.run_seq
  where s.state = 'ready' and r.state = 'running'
  union all
  select s.*, r.id as run_id from step s indexed by step_retry join run r on r.seq = s.run_seq
  where s.state = 'retry_wait' and s.retry_at <= :now and r.state = 'running')
order by run_seq, step, item limit :limit;

-- name: stopping
-- Runs with steps that are being ended and have no live attempt: their other steps will not start.
-- The first condition repeats that of the partial index.
select r.* from run r indexed by run_active
where r.state in ('running', 'cancelling', 'retry_wait') and r.state = 'cancelling' and exists (select 1 from step s where s.run_seq = r.seq)
  and not exists (select 1 from attempt a where a.run_seq = r.seq and a.state in ('starting', 'running'))
order by r.seq;
