-- Schedules in force with the definition that their next run would use.
select s.*, v.digest from schedule s
join job_version v on v.job = s.job and v.until_generation is null
where s.active_until is null order by s.id
