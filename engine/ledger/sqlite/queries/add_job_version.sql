-- From this generation on the job means this.
insert into job_version (job, from_generation, digest, file, line)
values (:job, :generation, :digest, :file, :line)
