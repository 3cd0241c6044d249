-- The same job at another place in the files.
update job_version set file = :file, line = :line where job = :job and until_generation is null
