-- Runs wanted in a window, counted by job, kind and state.
select job, schedule_key is not null as is_scheduled, state, count(*) as count from run
where scheduled_for >= :since and scheduled_for < :until
group by job, schedule_key is not null, state
