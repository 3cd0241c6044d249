-- One job of the generation in force.
select job, digest, file, line, from_generation from job_version where job = :job and until_generation is null
