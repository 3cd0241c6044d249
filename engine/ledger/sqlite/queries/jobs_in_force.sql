-- The jobs of the generation in force.
select job, digest, file, line, from_generation from job_version where until_generation is null order by job
