-- Runs wanted in a window, counted by job, kind and state; those too that people asked for and retention took away.
select job, is_scheduled, state, sum(count) as count from (
  select job, schedule_key is not null as is_scheduled,
         case resolved when '' then state else resolved end as state, count(*) as count
  from run where scheduled_for >= :since and scheduled_for < :until group by 1, 2, 3
  union all
  select job, 0, state, count from pruned_request where quarter >= :since and quarter < :until
) group by 1, 2, 3
