-- Schedules and their coverage: the statements that only SQLite understands, because of its max() of two values.

-- name: add_schedule
-- Put a schedule in force. When the clock was set back, it begins where the earlier schedule's coverage ends, so that
-- no instant is accounted for twice.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select :job, :schedule_key, :rule, :generation, begin, begin, clock_epoch from (
  select clock_epoch, max(:active_from, coalesce(
           (select max(covered_until) from schedule s
            where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = e.clock_epoch),
           :active_from)) as begin
  from (select coalesce((select cast(value as integer) from meta where key = 'clock_epoch'), 0) as clock_epoch) e);

-- name: end_schedule
-- Put a schedule out of force; when the clock was set back, at its coverage and not before.
update schedule set active_until = max(covered_until, :at), ended_because = :because,
                    covered_until = max(covered_until, :at)
where id = :id and active_until is null;

-- name: end_leftover_schedule
-- End a leftover schedule before a new one takes its key: its job is not in force, or its row is unreadable.
update schedule set active_until = max(covered_until, :active_from), ended_because = 'schedule_changed',
                    covered_until = max(covered_until, :active_from)
where job = :job and schedule_key = :schedule_key and active_until is null;
