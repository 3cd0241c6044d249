-- The schedule of a job in force.
select s.*, v.digest from schedule s
join job_version v on v.job = s.job and v.until_generation is null
where s.job = :job and s.schedule_key = :schedule_key and s.active_until is null
