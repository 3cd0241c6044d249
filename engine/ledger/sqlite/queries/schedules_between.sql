-- Schedules that were in force at some time in a window, oldest first; of one job or of all.
select s.*, '' as digest from schedule s
where (:job is null or s.job = :job)
  and s.active_from < :until and (s.active_until is null or s.active_until >= :since)
order by s.job, s.active_from
