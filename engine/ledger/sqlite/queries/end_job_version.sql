-- From this generation on the job is another, or none.
update job_version set until_generation = :generation where job = :job and until_generation is null
