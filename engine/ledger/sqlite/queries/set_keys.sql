-- Every set of occurrences that a schedule or a run names.
select job, schedule_key, clock_epoch from schedule
union
select job, schedule_key, clock_epoch from run where schedule_key is not null
order by 1, 2, 3
