-- The schedule that wanted an occurrence.
select s.*, '' as digest from schedule s
where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = :clock_epoch
  and s.active_from < :at and (s.active_until is null or s.active_until >= :at)
order by s.id desc limit 1
