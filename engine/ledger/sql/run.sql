-- Runs: record, decide, start, end and read them.

-- name: add_run
-- Record a run.
insert into run (id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state, reason, detail,
                 queued_at, not_before, start_by, ended_at, concurrency_key, concurrency_limit, requested_by,
                 retry_of, clock_epoch, matrix, occurrence, slot, combinations, trigger_values, caused_by,
                 idempotency_key, queue, queue_slots, priority)
values (:id, :job, :digest, :generation, :trigger, :schedule_key, :scheduled_for, :params, :state, :reason, :detail,
        :queued_at, :not_before, :start_by, :ended_at, :concurrency_key, :concurrency_limit, :requested_by,
        :retry_of, :clock_epoch, :matrix, :occurrence, :slot, :combinations, :trigger_values, :caused_by,
        :idempotency_key, :queue, :queue_slots, :priority);

-- name: decide_run
-- Write the decision about a run whose spread has passed, once: afterwards its reason is not `spread`.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :ended_at
where id = :id and state = 'queued' and reason = 'spread';

-- name: repin_run
-- Give a waiting run the new definition of its job, unless an attempt has started with the old one.
update run set digest = :digest, params = :params, concurrency_key = :concurrency_key,
               concurrency_limit = :concurrency_limit, slot = :slot, queue = :queue, queue_slots = :queue_slots,
               priority = :priority
where id = :id and state = 'queued' and attempt = 0;

-- name: next_wake
-- The earliest instant at which a waiting run may start, or its start deadline has passed (one microsecond later).
-- A run that waits for another run is woken by the end of that one, not by a time.
select min(at) from (
  select min(not_before) as at from run where state = 'queued' and not_before > :now and reason <> 'overlap'
    and reason <> 'spread'
  union all
  select min(start_by) + 1 from run where state = 'queued' and start_by is not null
  union all
  select min(retry_at) from run where state = 'retry_wait' and retry_at > :now);

-- name: start_run
-- Start an attempt. The guard checks state, attempt, deadline and both limits once more, because other threads and
-- commands may have changed them since the run was read. A retry kept its place under the concurrency limit, but not
-- its slot of the queue.
update run set state = 'running', attempt = attempt + 1, retry_at = null,
               started_at = coalesce(started_at, :now), reason = '', detail = ''
where id = :id and attempt = :attempt
  and (queue_slots is null
       or (select count(*) from run as other
           where other.queue = run.queue and other.queue <> '' and other.state in ('running', 'cancelling')) < queue_slots)
  and (state = 'retry_wait'
       or (state = 'queued' and reason <> 'spread' and not_before <= :now
           and (start_by is null or start_by >= :now)
           and (concurrency_limit is null
                or (select count(distinct coalesce(other.slot, other.seq)) from run as other
                    where other.concurrency_key = run.concurrency_key
                      and other.state in ('running', 'cancelling', 'retry_wait')
                      and (run.slot is null or other.slot is not run.slot)) < concurrency_limit)));

-- name: settle_run
-- The state of a run after its attempt, unless the run has changed since the verdict was made. A retry keeps the start
-- time of the first attempt.
update run set state = :state, reason = :reason, detail = :detail, exit_code = :exit_code, ended_at = :ended_at,
               retry_at = :retry_at,
               started_at = case when attempt = 1 then coalesce(:started_at, started_at) else started_at end
where id = :id and attempt = :attempt and job = :job and state = :from_state and state in ('running', 'cancelling')
  and exists (select 1 from attempt
              where run_seq = run.seq and number = :attempt and attempt.state in ('starting', 'running'));

-- name: end_waiting
-- End a queued run that will not start.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :now
where id = :id and state = 'queued';

-- name: expire_waiting
-- End queued runs whose start deadline has passed.
update run set state = 'missed', reason = 'start_deadline', detail = reason, ended_at = :now
where state = 'queued' and start_by is not null and start_by < :now
returning *;

-- name: cancel_idle
-- Cancel a run that has no process.
update run set state = 'cancelled', reason = :reason, detail = :detail, ended_at = :now, retry_at = null
where id = :id and state in ('queued', 'retry_wait');

-- name: stop_running
-- Ask a running run to end. A cancel may become a kill; after a kill nothing changes any more.
update run set state = 'cancelling', stop_requested = :how, reason = :reason, detail = :detail
where id = :id and state in ('running', 'cancelling') and stop_requested <> 'kill';

-- name: wait_until
-- Move the start or retry time of a waiting run: the clock that set it was wrong.
update run set not_before = case state when 'queued' then :at else not_before end,
               retry_at = case state when 'retry_wait' then :at else retry_at end
where id = :id and attempt = :attempt and state in ('queued', 'retry_wait');

-- name: end_waiting_of_clock
-- Scheduled runs that a wrong clock recorded for the future are missed; the new clock epoch records them again.
update run set state = 'missed', reason = 'clock_jump', ended_at = :now
where state = 'queued' and schedule_key is not null and clock_epoch < :clock_epoch and not_before > :now;

-- name: resolve_run
-- Resolve a lost run, once, unless a later attempt has started.
update run set resolved = :resolved, exit_code = :exit_code, ended_at = :ended_at
where id = :run_id and attempt = :number and state = 'lost' and resolved = '';

-- name: set_aside_run
-- End an unreadable run as lost, unless its attempt may be alive.
update run set state = 'lost', reason = 'unreadable', detail = :detail, ended_at = :now, retry_at = null
where seq = :seq
  and (state in ('queued', 'retry_wait')
       or (state in ('running', 'cancelling')
           and (:is_over or not exists (select 1 from attempt where run_seq = run.seq
                                          and (number = run.attempt or step <> '')
                                          and attempt.state in ('starting', 'running')))));

-- name: run
-- One run.
select * from run where id = :id;

-- name: runs_of
-- The runs of an occurrence with several runs, and their manual retries, in the order of their recording.
select * from run where occurrence = :occurrence order by seq;

-- name: waiting_of_job
-- Runs of a job that wait to start or for a retry. Two queries, so that each uses its partial index.
select * from (
  select * from run where state = 'queued' and job = :job
  union all
  select * from run where state = 'retry_wait' and job = :job)
order by seq;

-- name: count_blocking
-- Count the active and the waiting runs with a concurrency key, without those of one occurrence, each up to a limit, so
-- that a long queue costs no more than a short one. Runs with one slot count once, as waiting if none is active. Runs
-- whose spread has not passed do not count: `<` and `>` instead of `<>`, because the index is ordered by reason.
select
  (select count(*) from (
    select distinct coalesce(slot, seq) from run where concurrency_key = :concurrency_key
      and state in ('running', 'cancelling', 'retry_wait') and occurrence is not :occurrence limit :at_most)) as active,
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason < 'spread'
      and slot is null and occurrence is not :occurrence limit :at_most))
  + (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason > 'spread'
      and slot is null and occurrence is not :occurrence limit :at_most))
  + (select count(*) from (
    select distinct slot from run as one where concurrency_key = :concurrency_key and state = 'queued'
      and slot is not null and reason <> 'spread' and occurrence is not :occurrence
      and not exists (select 1 from run as other where other.concurrency_key = :concurrency_key
                        and other.state in ('running', 'cancelling', 'retry_wait') and other.slot = one.slot)
    limit :at_most)) as waiting;

-- name: blocking_runs
-- The runs that count_blocking counts: the active ones, then the waiting ones, each oldest first.
select * from (
  select *, 0 as place from run where concurrency_key = :concurrency_key
    and state in ('running', 'cancelling', 'retry_wait') and occurrence is not :occurrence
  union all
  select *, 1 as place from run where concurrency_key = :concurrency_key and state = 'queued' and reason <> 'spread'
    and occurrence is not :occurrence)
order by place, seq limit :limit;

-- name: newest_occurrences
-- The newest scheduled runs of a job, newest first; of an occurrence with several runs, the first one.
select * from run where job = :job and schedule_key is not null and (occurrence is null or occurrence = id)
order by scheduled_for desc limit :limit;

-- name: last_success
-- When a job last succeeded, at or before an instant.
select max(ended_at) from run where job = :job and state = 'succeeded' and ended_at <= :before;

-- name: lengths
-- Durations of the job's newest runs that succeeded at the first attempt.
select ended_at - started_at as length from run
where job = :job and state = 'succeeded' and attempt = 1 and started_at is not null
order by ended_at desc limit :limit;

-- name: runs_with_prefix
-- Runs whose id starts with a prefix; a second one shows that the prefix is ambiguous. `g` is after every digit of an
-- id, which are hexadecimal.
select * from run where id >= :prefix and id < :prefix || 'g' limit 2;

-- name: runs_of_job_between
-- Runs of a job with a nominal time in a window, newest first.
select * from run where job = :job and scheduled_for >= :since and scheduled_for < :until
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_run_of_job
-- The run of a job with the last nominal time up to an instant.
select * from run where job = :job and scheduled_for <= :until order by scheduled_for desc, seq desc limit 1;

-- name: retries_of
-- Manual retries of a run.
select * from run where retry_of = :id order by seq;
