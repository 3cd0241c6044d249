-- The jobs as one generation had them.
select job, digest, file, line, from_generation from job_version
where from_generation <= :number and (until_generation is null or until_generation > :number) order by job
