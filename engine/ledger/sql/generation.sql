-- Generations, the jobs of each, and their definitions.

-- name: add_generation
-- Add a generation with the next number. Larger numbers than 2^53 are altered rows; they do not count.
insert into generation (number, digest, applied_at, applied_by, main_file, revision, tzdata_version, cron_semantics,
                        plan_id, instead_of, note)
values ((select coalesce(max(number), 0) + 1 from generation where number <= 9007199254740992), :digest, :applied_at, :applied_by, :main_file,
        :revision, :tzdata_version, :cron_semantics, :plan_id, :instead_of, :note)
returning number;

-- name: current_generation
-- The generation in force.
select * from generation where number <= 9007199254740992 order by number desc limit 1;

-- name: generation
-- One generation by number.
select * from generation where number = :number;

-- name: generations
-- The newest generations, with counts. A changed job is in all three counts: one version of it ends, and
-- another one begins.
select g.*,
  (select count(*) from job_version v where v.from_generation = g.number) as begun,
  (select count(*) from job_version v where v.until_generation = g.number) as ended,
  (select count(*) from job_version v join job_version o on o.job = v.job and o.until_generation = g.number
   where v.from_generation = g.number) as changed
from generation g order by g.number desc limit :limit;

-- name: generation_of_plan
-- The generation that a plan made.
select number from generation where plan_id = :plan_id;

-- name: tzdata_versions
-- The tzdata versions that generations were applied with, that of the one in force first.
select tzdata_version from generation group by tzdata_version order by max(number) desc;

-- name: add_job_version
-- From this generation on, the job has this definition.
insert into job_version (job, from_generation, digest, file, line)
values (:job, :generation, :digest, :file, :line);

-- name: end_job_version
-- From this generation on, the job's current definition is out of force.
update job_version set until_generation = :generation where job = :job and until_generation is null;

-- name: move_job_version
-- The unchanged job is now written at a different file and line.
update job_version set file = :file, line = :line where job = :job and until_generation is null;

-- name: job_in_force
-- One job of the generation in force.
select job, digest, file, line, from_generation from job_version where job = :job and until_generation is null;

-- name: jobs_in_force
-- The jobs of the generation in force.
select job, digest, file, line, from_generation from job_version where until_generation is null order by job;

-- name: jobs_at
-- The jobs of a generation.
select job, digest, file, line, from_generation from job_version
where from_generation <= :number and (until_generation is null or until_generation > :number) order by job;

-- name: job_versions
-- All versions of a job, oldest first.
select v.job, v.digest, v.file, v.line, v.from_generation, v.until_generation, g.applied_at, u.applied_at as ended_at
from job_version v
join generation g on g.number = v.from_generation
left join generation u on u.number = v.until_generation
where v.job = :job order by v.from_generation;

-- name: add_definition
-- Keep a compiled job, once for each digest.
insert into definition (digest, job, spec) values (:digest, :job, :spec) on conflict (digest) do nothing;

-- name: definition
-- The canonical text of a compiled job.
select job, spec from definition where digest = :digest;

-- name: newest_definitions
-- The newest definition of each job: the one applied last; for a job that was never applied, that of its newest run.
select v.job, d.digest, d.spec from job_version v join definition d on d.digest = v.digest
where v.from_generation = (select max(o.from_generation) from job_version o where o.job = v.job)
union all
select d.job, d.digest, d.spec from definition d
where not exists (select 1 from job_version v where v.job = d.job)
  and d.digest = (select r.digest from run r where r.job = d.job order by r.scheduled_for desc, r.seq desc limit 1)
order by 1;
