-- Runs: the statements that only SQLite understands, because they name an index, or use SQLite's JSON functions or its
-- max() of several values. An index is named where the planner might scan the whole past instead.

-- name: undecided
-- Runs whose spread has passed and that are not decided yet.
select * from run indexed by run_undecided where state = 'queued' and reason = 'spread' and not_before <= :now
order by not_before, seq limit :limit;

-- name: next_undecided
-- The earliest instant at which a spread passes.
select min(not_before) from run indexed by run_undecided where state = 'queued' and reason = 'spread';

-- name: size_queue
-- All open runs of a queue have the number of slots that is in force.
update run set queue_slots = :slots where queue_slots is not :slots and seq in (
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
  select * from run indexed by run_active where state in ('running', 'cancelling', 'retry_wait'))
order by seq;

-- name: active_runs
-- The runs that have started and are not over.
select * from run indexed by run_active
where state in ('running', 'cancelling', 'retry_wait') and started_at is not null order by seq;

-- name: recent_runs
-- The newest runs; of one job, in some states, or all.
select * from run
where (:job is null or job = :job) and (:states is null or state in (select value from json_each(:states)))
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
  and (:jobs is null or job in (select value from json_each(:jobs)))
  and (:states is null or state in (select value from json_each(:states)))
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_ends
-- The job's newest runs that were executed and are over, newest first. Two queries, so that each uses its partial index.
select state, occurrence, matrix from (
  select * from (
    select state, occurrence, matrix, ended_at, seq from run indexed by run_succeeded
    where job = :job and state = 'succeeded' and ended_at > :since order by ended_at desc, seq desc limit :limit)
  union all
  select * from (
    select state, occurrence, matrix, ended_at, seq from run indexed by run_failed
    where job = :job and state in ('failed', 'timed_out', 'lost') and ended_at > :since
    order by ended_at desc, seq desc limit :limit))
order by ended_at desc, seq desc limit :limit;

-- name: was_missed
-- Whether an occurrence of a job was missed since its last success before an instant.
select exists (select 1 from run indexed by run_missed where job = :job and state = 'missed' and ended_at > since)
    or exists (select 1 from gap indexed by gap_missed
               where job = :job and state = 'missed' and pruned_at is null and recorded_at > since) as is_so
from (select coalesce(max(ended_at), 0) as since from run indexed by run_succeeded
      where job = :job and state = 'succeeded' and ended_at < :before);

-- name: last_runs
-- The newest runs of each of these jobs, manual retries excluded; only those of its schedule while it has one in force.
-- Of an occurrence with several runs, the first one.
select run.* from json_each(:jobs) as named join run on run.seq in (
  select one.seq from run as one
  where one.job = named.value and one.retry_of is null and (one.occurrence is null or one.occurrence = one.id)
    and (one.schedule_key is not null
         or not exists (select 1 from schedule s where s.job = named.value and s.active_until is null))
  order by one.scheduled_for desc, one.seq desc limit :count)
order by run.job, run.scheduled_for, run.seq;

-- name: matrix_runs
-- The runs of jobs with a matrix with a nominal time in a window, in the order of these times, then as recorded.
select * from run indexed by run_matrix
where scheduled_for >= :since and scheduled_for < :until and occurrence is not null
order by scheduled_for, seq;

-- name: matrix_runs_of_job
-- The same of one job.
select * from run indexed by run_of_job
where job = :job and scheduled_for >= :since and scheduled_for < :until and occurrence is not null
order by scheduled_for, seq;

-- name: retries_between
-- Manual retries with a nominal time in a window.
select * from run indexed by run_retry_of
where retry_of is not null and scheduled_for >= :since and scheduled_for < :until
order by seq;

-- name: count_runs
-- Runs with a nominal time in a window, counted by job, kind and state; pruned manual runs are included. Runs of a
-- matrix are left out: they count by occurrence.
-- An unreadable run counts as lost, as in every answer: how it ended is unknown.
select job, is_scheduled, state, sum(count) as count from (
  select job, schedule_key is not null as is_scheduled,
         case when case when json_valid(params) then json_type(params) end is not 'object'
                   or max(queued_at, not_before, coalesce(started_at, 0), coalesce(ended_at, 0),
                          coalesce(start_by, 0), coalesce(retry_at, 0)) > 221845392000000000 then 'lost'
              when resolved = '' then state else resolved end as state, count(*) as count
  from run where scheduled_for >= :since and scheduled_for < :until and occurrence is null group by 1, 2, 3
  union all
  select job, 0, state, count from pruned_request where quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) group by 1, 2, 3;

-- name: slots_of_all
-- Runs with a nominal time in a window, of some jobs or of all together, counted by slots and state, as `count_runs`
-- counts them; without manual retries.
select '' as job, slot, state, sum(count) as count from (
  select (scheduled_for - :since) / :length as slot,
         case when case when json_valid(params) then json_type(params) end is not 'object'
                   or max(queued_at, not_before, coalesce(started_at, 0), coalesce(ended_at, 0),
                          coalesce(start_by, 0), coalesce(retry_at, 0)) > 221845392000000000 then 'lost'
              when resolved = '' then state else resolved end as state,
         count(*) as count
  from run indexed by run_scheduled_for
  where scheduled_for >= :since and scheduled_for < :until and occurrence is null and retry_of is null
    and (:jobs is null or job in (select value from json_each(:jobs)))
  group by 1, 2
  union all
  select (quarter - :since) / :length, state, count from pruned_request
  where quarter >= :since and quarter < :until and count between 0 and 9007199254740992
    and (:jobs is null or job in (select value from json_each(:jobs)))
) group by 2, 3;

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
-- name: count_runs_of
-- The same of some jobs, and by day: the first day begins at `:midnight`, and each is as long as `:day`.
select job, day, is_scheduled, state, sum(count) as count from (
  select run.job, (scheduled_for - :midnight) / :day as day, schedule_key is not null as is_scheduled,
         case when case when json_valid(params) then json_type(params) end is not 'object'
                   or max(queued_at, not_before, coalesce(started_at, 0), coalesce(ended_at, 0),
                          coalesce(start_by, 0), coalesce(retry_at, 0)) > 221845392000000000 then 'lost'
              when resolved = '' then state else resolved end as state, count(*) as count
  from json_each(:jobs) as named
  join run indexed by run_of_job
    on run.job = named.value and scheduled_for >= :since and scheduled_for < :until and occurrence is null
  group by 1, 2, 3, 4
  union all
  select pruned_request.job, (quarter - :midnight) / :day, 0, state, count
  from json_each(:jobs) as named
  join pruned_request on pruned_request.job = named.value and quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) group by 1, 2, 3, 4;

-- name: courses
-- How long each run took that succeeded, from its first start to its end, and how long after its time each run of a
-- schedule started, of the runs with a nominal time in a window.
select job, case when state = 'succeeded' then ended_at - started_at end as duration,
       case when schedule_key is not null and retry_of is null then max(started_at - not_before, 0) end as lateness
from run indexed by run_scheduled_for
where scheduled_for >= :since and scheduled_for < :until and started_at is not null;

-- name: courses_of
-- The same of some jobs.
select job, case when state = 'succeeded' then ended_at - started_at end as duration,
       case when schedule_key is not null and retry_of is null then max(started_at - not_before, 0) end as lateness
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
      and not exists (select 1 from run as retry where retry.retry_of = one.id))
  where place <= :of_each)
order by scheduled_for desc, seq desc limit :limit;

-- name: newest_in_states_of
-- The same of some jobs.
select * from run where seq in (
  select seq from (
    select seq, row_number() over (partition by job order by scheduled_for desc, seq desc) as place
    from run as one indexed by run_of_job
    where job in (select value from json_each(:jobs)) and scheduled_for >= :since and scheduled_for < :until
      and case resolved when '' then state else resolved end in (select value from json_each(:states))
      and not exists (select 1 from run as retry where retry.retry_of = one.id))
  where place <= :of_each)
order by scheduled_for desc, seq desc limit :limit;

-- name: glance
-- The ids of the newest runs that are open, that are not, or all; with a prefix, of those that begin with it. `g` is
-- after every digit of an id.
select id, job, state from run
where (:is_open is null or (state in ('queued', 'running', 'cancelling', 'retry_wait')) = :is_open)
  and (:prefix = '' or (id >= :prefix and id < :prefix || 'g'))
order by seq desc limit :limit;
