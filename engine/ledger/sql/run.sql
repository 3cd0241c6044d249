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
  select min(retry_at) from run where state = 'retry_wait' and retry_at > :now) as found;

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
                or (select count(distinct other.slot) + count(*) - count(other.slot) from run as other
                    where other.concurrency_key = run.concurrency_key
                      and other.state in ('running', 'cancelling', 'retry_wait')
                      and (run.slot is null or other.slot is null or other.slot <> run.slot)) < concurrency_limit)));

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
  select * from run where state = 'retry_wait' and job = :job) as found
order by seq;

-- name: count_blocking
-- Count the active and the waiting runs with a concurrency key, without those of one occurrence, each up to a limit, so
-- that a long queue costs no more than a short one. Runs with one slot count once, as waiting if none is active. Runs
-- whose spread has not passed do not count: `<` and `>` instead of `<>`, because the index is ordered by reason.
select
  (select count(*) from (
    select distinct coalesce(slot, cast(seq as text)) from run where concurrency_key = :concurrency_key
      and state in ('running', 'cancelling', 'retry_wait') and (occurrence is null or occurrence <> :occurrence) limit :at_most) as found) as active,
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason < 'spread'
      and slot is null and (occurrence is null or occurrence <> :occurrence) limit :at_most) as found)
  + (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason > 'spread'
      and slot is null and (occurrence is null or occurrence <> :occurrence) limit :at_most) as found)
  + (select count(*) from (
    select distinct slot from run as one where concurrency_key = :concurrency_key and state = 'queued'
      and slot is not null and reason <> 'spread' and (occurrence is null or occurrence <> :occurrence)
      and not exists (select 1 from run as other where other.concurrency_key = :concurrency_key
                        and other.state in ('running', 'cancelling', 'retry_wait') and other.slot = one.slot)
    limit :at_most) as found) as waiting;

-- name: blocking_runs
-- The runs that count_blocking counts: the active ones, then the waiting ones, each oldest first.
select * from (
  select *, 0 as place from run where concurrency_key = :concurrency_key
    and state in ('running', 'cancelling', 'retry_wait') and (occurrence is null or occurrence <> :occurrence)
  union all
  select *, 1 as place from run where concurrency_key = :concurrency_key and state = 'queued' and reason <> 'spread'
    and (occurrence is null or occurrence <> :occurrence)) as found
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

-- name: undecided
-- Runs whose spread has passed and that are not decided yet.
select * from run indexed by run_undecided where state = 'queued' and reason = 'spread' and not_before <= :now
order by not_before, seq limit :limit;

-- name: next_undecided
-- The earliest instant at which a spread passes.
select min(not_before) from run indexed by run_undecided where state = 'queued' and reason = 'spread';

-- name: size_queue
-- All open runs of a queue have the number of slots that is in force.
update run set queue_slots = :slots where coalesce(queue_slots, -1) <> coalesce(:slots, -1) and seq in (
  select seq from run indexed by run_queued where state = 'queued' and queue = :queue
  union all
  select seq from run indexed by run_active where state in ('running', 'cancelling', 'retry_wait') and queue = :queue);

-- name: unowned
-- Runs that are recorded as running without a live attempt, or as waiting for a retry without its time.
select run.seq, run.job from run indexed by run_active
where state in ('running', 'cancelling', 'retry_wait')
  and case state when 'retry_wait' then retry_at is null
      else not exists (select 1 from attempt where run_seq = run.seq and (number = run.attempt or step <> '')
                         and attempt.state in ('starting', 'running'))
           and not exists (select 1 from step where run_seq = run.seq) end;

-- name: open_runs
-- Open runs, oldest first. Two queries, so that each uses its partial index.
select * from (
  select * from run indexed by run_queued where state = 'queued'
  union all
  select * from run indexed by run_active where state in ('running', 'cancelling', 'retry_wait')) as found
order by seq;

-- name: active_runs
-- The runs that have started and are not over.
select * from run indexed by run_active
where state in ('running', 'cancelling', 'retry_wait') and started_at is not null order by seq;

-- name: recent_runs
-- The newest runs; of one job, in some states, or all.
select * from run
where (cast(:job as text) is null or job = :job) and (cast(:states as text) is null or state in (select value from json_each(:states)))
order by seq desc limit :limit;

-- name: recent_runs_of_job
-- The newest runs of a job with few runs. They are found in the index of its runs, not among all.
select * from run where seq in (
  select seq from run indexed by run_of_job where job = :job order by seq desc limit :limit)
order by seq desc;

-- name: has_many_runs
-- Whether a job has more runs than a number.
select 1 from run indexed by run_of_job where job = :job limit 1 offset :few;

-- name: runs_in
-- The runs of some jobs, or of all, with a nominal time in a window, in some states or all; newest first.
select * from run indexed by run_scheduled_for
where scheduled_for >= :since and scheduled_for < :until
  and (cast(:jobs as text) is null or job in (select value from json_each(:jobs)))
  and (cast(:states as text) is null or state in (select value from json_each(:states)))
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_ends
-- The job's newest runs that were executed and are over, newest first. Two queries, so that each uses its partial index.
select state, occurrence, matrix from (
  select * from (
    select state, occurrence, matrix, ended_at, seq from run indexed by run_succeeded
    where job = :job and state = 'succeeded' and ended_at > :since order by ended_at desc, seq desc limit :limit) as found
  union all
  select * from (
    select state, occurrence, matrix, ended_at, seq from run indexed by run_failed
    where job = :job and state in ('failed', 'timed_out', 'lost') and ended_at > :since
    order by ended_at desc, seq desc limit :limit) as found) as found
order by ended_at desc, seq desc limit :limit;

-- name: was_missed
-- Whether an occurrence of a job was missed since its last success before an instant.
select exists (select 1 from run indexed by run_missed where job = :job and state = 'missed' and ended_at > since)
    or exists (select 1 from gap indexed by gap_missed
               where job = :job and state = 'missed' and pruned_at is null and recorded_at > since) as is_so
from (select coalesce(max(ended_at), 0) as since from run indexed by run_succeeded
      where job = :job and state = 'succeeded' and ended_at < :before) as found;

-- name: matrix_runs
-- The runs of jobs with a matrix with a nominal time in a window, in the order of these times, then as recorded.
select * from run indexed by run_matrix
where scheduled_for >= :since and scheduled_for < :until and occurrence is not null
order by scheduled_for, seq;

-- name: matrix_runs_of_job
-- The same for one job.
select * from run indexed by run_of_job
where job = :job and scheduled_for >= :since and scheduled_for < :until and occurrence is not null
order by scheduled_for, seq;

-- name: retries_between
-- Manual retries with a nominal time in a window.
select * from run indexed by run_retry_of
where retry_of is not null and scheduled_for >= :since and scheduled_for < :until
order by seq;

-- name: slots_of_each
-- All runs with a nominal time in a window of each of these jobs, counted by slots and state.
select run.job, (scheduled_for - :since) / :length as slot,
       case when resolved = '' then state else resolved end as state, count(*) as count
from json_each(:jobs) as named
join run indexed by run_of_job on run.job = named.value and scheduled_for >= :since and scheduled_for < :until
group by 1, 2, 3 order by 1, 2, 3;

-- name: active_jobs
-- Those of these jobs that have a run with a nominal time in a window, or from `:reach` on one that ended in it or later.
select named.value as job from json_each(:jobs) as named
where exists (select 1 from run indexed by run_of_job
              where run.job = named.value and scheduled_for >= :reach and scheduled_for < :until
                and (scheduled_for >= :since or coalesce(ended_at, :until) >= :since))
order by 1;

-- name: courses
-- How long each run took that succeeded, from its first start to its end, and how long after its time each run of a
-- schedule started, of the runs with a nominal time in a window.
select job, case when state = 'succeeded' then ended_at - started_at end as duration,
       case when schedule_key is not null and retry_of is null then case when started_at > not_before then started_at - not_before else 0 end end as lateness
from run indexed by run_scheduled_for
where scheduled_for >= :since and scheduled_for < :until and started_at is not null;

-- name: courses_of
-- The same for some jobs.
select job, case when state = 'succeeded' then ended_at - started_at end as duration,
       case when schedule_key is not null and retry_of is null then case when started_at > not_before then started_at - not_before else 0 end end as lateness
from run indexed by run_of_job
where job in (select value from json_each(:jobs)) and scheduled_for >= :since and scheduled_for < :until
  and started_at is not null;

-- name: newest_in_states
-- The newest runs in some states with a nominal time in a window, newest first, at most `:of_each` of each job. A run
-- with a manual retry is left out.
select * from run where seq in (
  select seq from (
    select seq, row_number() over (partition by job order by scheduled_for desc, seq desc) as place
    from run as one indexed by run_scheduled_for
    where scheduled_for >= :since and scheduled_for < :until
      and case resolved when '' then state else resolved end in (select value from json_each(:states))
      and not exists (select 1 from run as retry where retry.retry_of = one.id)) as found
  where place <= :of_each)
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_in_states_of
-- The same for some jobs.
select * from run where seq in (
  select seq from (
    select seq, row_number() over (partition by job order by scheduled_for desc, seq desc) as place
    from run as one indexed by run_of_job
    where job in (select value from json_each(:jobs)) and scheduled_for >= :since and scheduled_for < :until
      and case resolved when '' then state else resolved end in (select value from json_each(:states))
      and not exists (select 1 from run as retry where retry.retry_of = one.id)) as found
  where place <= :of_each)
order by scheduled_for desc, seq desc limit :limit;

-- name: glance
-- The ids of the newest runs that are open, that are not, or all; with a prefix, of those that begin with it. `g` is
-- after every digit of an id.
select id, job, state from run
where (cast(:is_open as boolean) is null or (state in ('queued', 'running', 'cancelling', 'retry_wait')) = cast(:is_open as boolean))
  and (:prefix = '' or (id >= :prefix and id < :prefix || 'g'))
order by seq desc limit :limit;
