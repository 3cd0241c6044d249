-- The newest generations, and how many jobs each brought, changed and took away.
select g.*,
  (select count(*) from job_version v where v.from_generation = g.number) as begun,
  (select count(*) from job_version v where v.until_generation = g.number) as ended,
  (select count(*) from job_version v join job_version o on o.job = v.job and o.until_generation = g.number
   where v.from_generation = g.number) as changed
from generation g order by g.number desc limit :limit
