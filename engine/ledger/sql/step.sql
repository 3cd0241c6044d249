-- Steps: the state of each step and item of a run. A step without a row is not decided yet.

-- name: set_step
-- The state of a step. Its attempt is counted when it starts.
insert into step (run_seq, step, item, state, reason, detail, attempt, tries, retry_at, items)
select seq, :step, :item, :state, :reason, :detail, :attempt, :tries, :retry_at, :items from run where id = :run_id
on conflict (run_seq, step, item) do update set state = excluded.state, reason = excluded.reason,
  detail = excluded.detail, attempt = excluded.attempt, tries = excluded.tries, retry_at = excluded.retry_at,
  items = excluded.items;

-- name: drop_step
-- A retry of the run decides this step again.
delete from step where run_seq = (select seq from run where id = :run_id) and step = :step and item = :item;

-- name: steps
-- The steps of a run.
select s.*, r.id as run_id from step s join run r on r.seq = s.run_seq where r.id = :run_id order by s.step, s.item;

-- name: next_step_wake
-- The earliest instant at which a step is retried.
select min(retry_at) from step where state = 'retry_wait' and retry_at > :now;

-- name: start_step
-- Start an attempt of a step, unless the step or its run has changed meanwhile. The number follows the attempts of
-- earlier rounds.
update step set state = 'running', reason = '', detail = '', retry_at = null, tries = tries + 1,
  attempt = 1 + coalesce((select max(number) from attempt
                          where run_seq = step.run_seq and step = step.step and item = step.item), 0)
where run_seq = (select seq from run where id = :run_id and state = 'running') and step = :step and item = :item
  and state in ('ready', 'retry_wait')
returning attempt, tries;

-- name: begin_round
-- Begin a round of the steps of a run. The guard is that of start_run.
update run set state = 'running', attempt = attempt + 1, retry_at = null, begun_at = :now,
               started_at = coalesce(started_at, :now), reason = '', detail = ''
where id = :id and attempt = :attempt
  and (queue_slots is null
       or (select count(*) from run as other
           where other.queue = run.queue and other.queue <> '' and other.state in ('running', 'cancelling')) < queue_slots)
  and (state = 'retry_wait'
       or (state = 'queued' and reason <> 'spread' and not_before <= :now
           and (start_by is null or start_by >= :now)
           and (concurrency_limit is null
                or (select count(distinct other.slot) + count(*) - count(other.slot) from run as other
                    where other.concurrency_key = run.concurrency_key
                      and other.state in ('running', 'cancelling', 'retry_wait')
                      and (run.slot is null or other.slot is null or other.slot <> run.slot)) < concurrency_limit)));

-- name: end_round
-- The state of a run when all of its steps are over.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :ended_at, retry_at = :retry_at
where id = :id and attempt = :attempt and state = :from_state and state in ('running', 'cancelling');

-- name: startable_steps
-- Steps that may start now, those of older runs first. Two queries, so that each uses its partial index.
select * from (
  select s.*, r.id as run_id from step s indexed by step_ready join run r on r.seq = s.run_seq
  where s.state = 'ready' and r.state = 'running'
  union all
  select s.*, r.id as run_id from step s indexed by step_retry join run r on r.seq = s.run_seq
  where s.state = 'retry_wait' and s.retry_at <= :now and r.state = 'running') as found
order by run_seq, step, item limit :limit;

-- name: stopping
-- Runs with steps that are being ended and have no live attempt: their other steps will not start.
-- The first condition repeats that of the partial index.
select r.* from run r indexed by run_active
where r.state in ('running', 'cancelling', 'retry_wait') and r.state = 'cancelling' and exists (select 1 from step s where s.run_seq = r.seq)
  and not exists (select 1 from attempt a where a.run_seq = r.seq and a.state in ('starting', 'running'))
order by r.seq;
