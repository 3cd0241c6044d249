-- A schedule comes into force. Where the clock was set back, it begins after what is accounted for already.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select :job, :schedule_key, :rule, :generation, begin, begin, clock_epoch from (
  select clock_epoch, max(:active_from, coalesce(
           (select max(covered_until) from schedule s
            where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = e.clock_epoch),
           :active_from)) as begin
  from (select coalesce((select cast(value as integer) from meta where key = 'clock_epoch'), 0) as clock_epoch) e)
