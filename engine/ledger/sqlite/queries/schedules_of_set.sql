-- The schedules that a set of occurrences is made of, oldest first.
select s.*, '' as digest from schedule s
where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = :clock_epoch
order by s.active_from, s.id
