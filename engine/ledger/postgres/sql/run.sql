-- Runs: the statements that look into an index for each job, and those that count. The table has a constraint on params,
-- so that there is no unreadable object to count as lost.

-- name: last_runs
-- The newest runs of each of these jobs, manual retries excluded; only those of its schedule while it has one in force.
-- Of an occurrence with several runs, the first one.
select one.* from json_each(:jobs) as named cross join lateral (
  select run.* from run
  where run.job = named.value and run.retry_of is null and (run.occurrence is null or run.occurrence = run.id)
    and (run.schedule_key is not null
         or not exists (select 1 from schedule s where s.job = named.value and s.active_until is null))
  order by run.scheduled_for desc, run.seq desc limit :count) as one
order by one.job, one.scheduled_for, one.seq;

-- name: count_runs
-- Runs with a nominal time in a window, counted by job, kind and state; pruned manual runs are included. Runs of a
-- matrix are left out: they count by occurrence.
-- An unreadable run counts as lost, as in every answer: how it ended is unknown.
select job, is_scheduled, state, cast(sum(count) as bigint) as count from (
  select job, case when schedule_key is null then 0 else 1 end as is_scheduled,
         case when greatest(queued_at, not_before, started_at, ended_at, start_by, retry_at) > 221845392000000000
              then 'lost' when resolved = '' then state else resolved end as state, count(*) as count
  from run where scheduled_for >= :since and scheduled_for < :until and occurrence is null group by 1, 2, 3
  union all
  select job, 0, state, count from pruned_request where quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) as counted group by 1, 2, 3;

-- name: slots_of_all
-- Runs with a nominal time in a window, of some jobs or of all together, counted by slots and state, as `count_runs`
-- counts them; without manual retries.
select '' as job, slot, state, cast(sum(count) as bigint) as count from (
  select (scheduled_for - :since) / :length as slot,
         case when greatest(queued_at, not_before, started_at, ended_at, start_by, retry_at) > 221845392000000000
              then 'lost' when resolved = '' then state else resolved end as state, count(*) as count
  from run
  where scheduled_for >= :since and scheduled_for < :until and occurrence is null and retry_of is null
    and (cast(:jobs as text) is null or job in (select value from json_each(:jobs)))
  group by 1, 2
  union all
  select (quarter - :since) / :length, state, count from pruned_request
  where quarter >= :since and quarter < :until and count between 0 and 9007199254740992
    and (cast(:jobs as text) is null or job in (select value from json_each(:jobs)))
) as counted group by 2, 3;

-- name: count_runs_of
-- The same for some jobs, and by day: the first day begins at `:midnight`, and each is as long as `:day`.
select named.value as job, day, is_scheduled, state, cast(sum(count) as bigint) as count
from json_each(:jobs) as named cross join lateral (
  select (scheduled_for - :midnight) / :day as day, case when schedule_key is null then 0 else 1 end as is_scheduled,
         case when greatest(queued_at, not_before, started_at, ended_at, start_by, retry_at) > 221845392000000000
              then 'lost' when resolved = '' then state else resolved end as state, count(*) as count
  from run
  where run.job = named.value and scheduled_for >= :since and scheduled_for < :until and occurrence is null
  group by 1, 2, 3
  union all
  select (quarter - :midnight) / :day, 0, state, count from pruned_request
  where pruned_request.job = named.value and quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) as counted group by 1, 2, 3, 4;
