-- Runs: the statements that only SQLite understands, because they use its JSON functions and its max() of several values,
-- or let a subquery after `in` refer to a table before it, for which it uses an index.

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
) as counted group by 1, 2, 3;

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
    and (cast(:jobs as text) is null or job in (select value from json_each(:jobs)))
  group by 1, 2
  union all
  select (quarter - :since) / :length, state, count from pruned_request
  where quarter >= :since and quarter < :until and count between 0 and 9007199254740992
    and (cast(:jobs as text) is null or job in (select value from json_each(:jobs)))
) as counted group by 2, 3;

-- name: count_runs_of
-- The same for some jobs, and by day: the first day begins at `:midnight`, and each is as long as `:day`.
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
) as counted group by 1, 2, 3, 4;
