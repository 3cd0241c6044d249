-- Schedules and their coverage.

-- name: advance_coverage
-- Every occurrence up to an instant is accounted for.
update schedule set covered_until = :covered_until where id = :id and covered_until < :covered_until;

-- name: end_schedules_of_clock
-- The clock was wrong: end every schedule in force at its coverage.
update schedule set active_until = covered_until, ended_because = 'clock_rewound' where active_until is null;

-- name: renew_schedules
-- Continue the schedules that end_schedules_of_clock has ended, from now, in the new clock epoch.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select s.job, s.schedule_key, s.rule, s.generation, :now, :now, :clock_epoch
from schedule s where s.active_until is not null and s.ended_because = 'clock_rewound'
                  and s.clock_epoch = cast(:clock_epoch as bigint) - 1;

-- name: schedule_in_force
-- The schedule in force with a job and key.
select s.*, v.digest from schedule s
join job_version v on v.job = s.job and v.until_generation is null
where s.job = :job and s.schedule_key = :schedule_key and s.active_until is null;

-- name: schedules_in_force
-- Schedules in force, with the definition that their next run would use.
select s.*, v.digest from schedule s
join job_version v on v.job = s.job and v.until_generation is null
where s.active_until is null order by s.id;

-- name: schedules_between
-- Schedules that were in force at some time in a window, oldest first.
select s.*, '' as digest from schedule s
where s.active_from < :until and (s.active_until is null or s.active_until >= :since)
order by s.job, s.active_from;

-- name: schedules_of_job_between
-- The same for one job.
select s.*, '' as digest from schedule s
where s.job = :job and s.active_from < :until and (s.active_until is null or s.active_until >= :since)
order by s.active_from;

-- name: schedule_of_run
-- The schedule that an occurrence belongs to.
select s.*, '' as digest from schedule s
where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = :clock_epoch
  and s.active_from < :at and (s.active_until is null or s.active_until >= :at)
order by s.id desc limit 1;

-- name: covered_in_force
-- The latest coverage of the schedules in force. The number is the last instant that a row may hold (cells.py).
select max(covered_until) from schedule where active_until is null and covered_until <= 221845392000000000;

-- name: max_covered_until
-- The latest coverage of any schedule.
select max(covered_until) from schedule where covered_until <= 221845392000000000;

-- name: newest_clock
-- The newest clock epoch of any schedule.
select coalesce(max(clock_epoch), 0) from schedule where clock_epoch <= 9007199254740992;

-- name: add_schedule
-- Put a schedule in force. When the clock was set back, it begins where the earlier schedule's coverage ends, so that
-- no instant is accounted for twice.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select :job, :schedule_key, :rule, :generation, begin, begin, clock_epoch from (
  select clock_epoch, case when covered > :active_from then covered else :active_from end as begin from (
    select clock_epoch, (select max(covered_until) from schedule s
                         where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = e.clock_epoch) as covered
    from (select coalesce((select cast(value as bigint) from meta where key = 'clock_epoch'), 0) as clock_epoch) as e
  ) as found) as found;

-- name: end_schedule
-- Put a schedule out of force; when the clock was set back, at its coverage and not before.
update schedule set ended_because = :because,
                    active_until = case when covered_until > :at then covered_until else :at end,
                    covered_until = case when covered_until > :at then covered_until else :at end
where id = :id and active_until is null;

-- name: end_leftover_schedule
-- End a leftover schedule before a new one takes its key: its job is not in force, or its row is unreadable.
update schedule set ended_because = 'schedule_changed',
                    active_until = case when covered_until > :active_from then covered_until else :active_from end,
                    covered_until = case when covered_until > :active_from then covered_until else :active_from end
where job = :job and schedule_key = :schedule_key and active_until is null;
