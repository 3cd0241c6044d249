-- Runs wanted in a window, counted by job, kind and state; those too that people asked for and retention took away.
-- Of a run whose row cannot be read nobody knows how it ended: it counts as lost, as in every other answer.
select job, is_scheduled, state, sum(count) as count from (
  select job, schedule_key is not null as is_scheduled,
         case when case when json_valid(params) then json_type(params) end is not 'object'
                   or max(queued_at, not_before, coalesce(started_at, 0), coalesce(ended_at, 0),
                          coalesce(start_by, 0), coalesce(retry_at, 0)) > 221845392000000000 then 'lost'
              when resolved = '' then state else resolved end as state, count(*) as count
  from run where scheduled_for >= :since and scheduled_for < :until group by 1, 2, 3
  union all
  select job, 0, state, count from pruned_request where quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) group by 1, 2, 3
