-- Gap records: the statements that look into an index for each row of another table.

-- name: last_gaps
-- The newest gap records of each of these jobs.
select g.*, s.rule from json_each(:jobs) as named
cross join lateral (
  select one.* from gap as one where one.job = named.value order by one.first_at desc limit :count) as g
join schedule s on s.id = g.schedule_id
order by g.job, g.first_at;

-- name: gaps_of_job_between
-- Gap records of a job that overlap a window. Those of a schedule do not overlap each other: so it is those that end in
-- the window, and the next one if it begins in it.
select g.*, s.rule from schedule s
cross join lateral (
  select one.* from gap as one
  where one.schedule_id = s.id and one.last_at >= :since and one.last_at <= :until
  union all
  select * from (
    select one.* from gap as one where one.schedule_id = s.id and one.last_at > :until and one.last_at >= :since
    order by one.last_at limit 1) as next) as g
where s.job = :job and g.first_at <= :until
order by g.first_at;
