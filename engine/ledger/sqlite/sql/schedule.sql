-- Schedules: in force, out of force, and their coverage.
-- SQLite's own: its max() of two values.

-- name: add_schedule
-- A schedule comes into force. Where the clock was set back, it begins after what is accounted for already.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select :job, :schedule_key, :rule, :generation, begin, begin, clock_epoch from (
  select clock_epoch, max(:active_from, coalesce(
           (select max(covered_until) from schedule s
            where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = e.clock_epoch),
           :active_from)) as begin
  from (select coalesce((select cast(value as integer) from meta where key = 'clock_epoch'), 0) as clock_epoch) e);

-- name: end_schedule
-- A schedule goes out of force; where the clock was set back, not before what is accounted for already.
update schedule set active_until = max(covered_until, :at), ended_because = :because,
                    covered_until = max(covered_until, :at)
where id = :id and active_until is null;

-- name: end_leftover_schedule
-- A schedule that no version of its job is in force for, or that cannot be read, gives way to a new one.
update schedule set active_until = max(covered_until, :active_from), ended_because = 'schedule_changed',
                    covered_until = max(covered_until, :active_from)
where job = :job and schedule_key = :schedule_key and active_until is null;
