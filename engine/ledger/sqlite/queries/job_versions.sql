-- All versions of a job, oldest first.
select v.job, v.digest, v.file, v.line, v.from_generation, v.until_generation, g.applied_at, u.applied_at as ended_at
from job_version v
join generation g on g.number = v.from_generation
left join generation u on u.number = v.until_generation
where v.job = :job order by v.from_generation
