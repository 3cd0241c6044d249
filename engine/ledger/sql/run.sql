-- Runs: recorded, decided, started, ended, and read.

-- name: add_run
-- Record a run.
insert into run (id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state, reason, detail,
                 queued_at, not_before, start_by, ended_at, concurrency_key, concurrency_limit, requested_by,
                 retry_of, clock_epoch)
values (:id, :job, :digest, :generation, :trigger, :schedule_key, :scheduled_for, :params, :state, :reason, :detail,
        :queued_at, :not_before, :start_by, :ended_at, :concurrency_key, :concurrency_limit, :requested_by,
        :retry_of, :clock_epoch);

-- name: decide_run
-- What was decided about a run whose spread has passed.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :ended_at
where id = :id and state = 'queued' and reason = 'spread';

-- name: repin_run
-- A waiting run takes the definition that is in force when it starts.
update run set digest = :digest, params = :params, concurrency_key = :concurrency_key,
               concurrency_limit = :concurrency_limit
where id = :id and state = 'queued' and attempt = 0;

-- name: next_wake
-- The earliest instant at which a waiting run may start, or may not any more.
select min(at) from (
  select min(not_before) as at from run where state = 'queued' and not_before > :now and reason <> 'overlap'
    and reason <> 'spread'
  union all
  select min(start_by) + 1 from run where state = 'queued' and start_by is not null
  union all
  select min(retry_at) from run where state = 'retry_wait' and retry_at > :now);

-- name: start_run
-- The guard of a start: the state, the attempt, the deadline and the limit hold at this instant.
update run set state = 'running', attempt = attempt + 1, retry_at = null,
               started_at = coalesce(started_at, :now), reason = '', detail = ''
where id = :id and attempt = :attempt
  and (state = 'retry_wait'
       or (state = 'queued' and reason <> 'spread' and not_before <= :now
           and (start_by is null or start_by >= :now)
           and (concurrency_limit is null
                or (select count(*) from run as other
                    where other.concurrency_key = run.concurrency_key
                      and other.state in ('running', 'cancelling', 'retry_wait')) < concurrency_limit)));

-- name: settle_run
-- Where a run stands after its attempt, if it is still what the verdict was made for.
update run set state = :state, reason = :reason, detail = :detail, exit_code = :exit_code, ended_at = :ended_at,
               retry_at = :retry_at,
               started_at = case when attempt = 1 then coalesce(:started_at, started_at) else started_at end
where id = :id and attempt = :attempt and job = :job and state = :from_state and state in ('running', 'cancelling')
  and exists (select 1 from attempt
              where run_seq = run.seq and number = :attempt and attempt.state in ('starting', 'running'));

-- name: end_waiting
-- A queued run that will not start.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :now
where id = :id and state = 'queued';

-- name: expire_waiting
-- Waiting runs that could not start in time are missed.
update run set state = 'missed', reason = 'start_deadline', detail = reason, ended_at = :now
where state = 'queued' and start_by is not null and start_by < :now
returning *;

-- name: cancel_idle
-- A run with no process is cancelled at once.
update run set state = 'cancelled', reason = :reason, detail = :detail, ended_at = :now, retry_at = null
where id = :id and state in ('queued', 'retry_wait');

-- name: stop_running
-- Ask a running run to end; asked again, harder.
update run set state = 'cancelling', stop_requested = :how, reason = :reason, detail = :detail
where id = :id and state in ('running', 'cancelling') and stop_requested <> 'kill';

-- name: wait_until
-- A run that waits waits until another instant: the clock that named the first was wrong.
update run set not_before = case state when 'queued' then :at else not_before end,
               retry_at = case state when 'retry_wait' then :at else retry_at end
where id = :id and attempt = :attempt and state in ('queued', 'retry_wait');

-- name: end_waiting_of_clock
-- What a wrong clock had named for a time to come does not run under that name.
update run set state = 'missed', reason = 'clock_jump', ended_at = :now
where state = 'queued' and schedule_key is not null and clock_epoch < :clock_epoch and not_before > :now;

-- name: resolve_run
-- A lost run is resolved, once, unless another attempt has started since.
update run set resolved = :resolved, exit_code = :exit_code, ended_at = :ended_at
where id = :run_id and attempt = :number and state = 'lost' and resolved = '';

-- name: set_aside_run
-- A run whose row cannot be read ends as lost, unless its attempt may be alive.
update run set state = 'lost', reason = 'unreadable', detail = :detail, ended_at = :now, retry_at = null
where seq = :seq
  and (state in ('queued', 'retry_wait')
       or (state in ('running', 'cancelling')
           and (:is_over or not exists (select 1 from attempt where run_seq = run.seq and number = run.attempt
                                          and attempt.state in ('starting', 'running')))));

-- name: run
-- One run.
select * from run where id = :id;

-- name: waiting_of_job
-- Runs of a job that wait to start or for a retry.
select * from (
  select * from run where state = 'queued' and job = :job
  union all
  select * from run where state = 'retry_wait' and job = :job)
order by seq;

-- name: count_in_the_way
-- Open runs with a concurrency key, counted no further than asked for; one whose spread has not passed is in nobody's way.
select
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key
      and state in ('running', 'cancelling', 'retry_wait') limit :at_most)) as active,
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason < 'spread'
    limit :at_most))
  + (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason > 'spread'
    limit :at_most)) as waiting;

-- name: runs_in_the_way
-- Open runs with a concurrency key: those that are active, then those that wait, each oldest first.
select * from (
  select *, 0 as place from run where concurrency_key = :concurrency_key
    and state in ('running', 'cancelling', 'retry_wait')
  union all
  select *, 1 as place from run where concurrency_key = :concurrency_key and state = 'queued' and reason <> 'spread')
order by place, seq limit :limit;

-- name: newest_occurrences
-- The newest occurrences of a job, the newest first.
select * from run where job = :job and schedule_key is not null order by scheduled_for desc limit :limit;

-- name: newest_ends
-- How the newest runs of a job ended that ran to an end, the newest first.
select state from run
where job = :job and state in ('succeeded', 'failed', 'timed_out', 'lost') and ended_at > :since
order by ended_at desc, seq desc limit :limit;

-- name: last_success
-- When a job last succeeded, before an instant.
select max(ended_at) from run where job = :job and state = 'succeeded' and ended_at <= :before;

-- name: lengths
-- How long the newest good runs of a job took that needed one attempt.
select ended_at - started_at as length from run
where job = :job and state = 'succeeded' and attempt = 1 and started_at is not null
order by ended_at desc limit :limit;

-- name: runs_with_prefix
-- Runs whose id starts so; two are enough to know it is not one.
select * from run where id >= :prefix and id < :prefix || 'g' limit 2;

-- name: runs_of_job_between
-- Runs of a job wanted in a window, newest wanted first.
select * from run where job = :job and scheduled_for >= :since and scheduled_for < :until
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_run_of_job
-- The run of a job that was wanted last, up to an instant.
select * from run where job = :job and scheduled_for <= :until order by scheduled_for desc, seq desc limit 1;

-- name: retries_of
-- Runs that a person asked for to make up for another.
select * from run where retry_of = :id order by seq;
