-- Gap records: the statements in which a subquery after `in` refers to a table before it. SQLite uses an index for it.

-- name: last_gaps
-- The newest gap records of each of these jobs.
select g.*, s.rule from json_each(:jobs) as named join gap g on g.id in (
  select one.id from gap as one where one.job = named.value order by one.first_at desc limit :count)
join schedule s on s.id = g.schedule_id
order by g.job, g.first_at;

-- name: gaps_of_job_between
-- Gap records of a job that overlap a window. Those of a schedule do not overlap each other: so it is those that end in
-- the window, and the next one if it begins in it.
select g.*, s.rule from schedule s join gap g on g.id in (
  select one.id from gap as one
  where one.schedule_id = s.id and one.last_at >= :since and one.last_at <= :until
  union all
  select * from (
    select one.id from gap as one where one.schedule_id = s.id and one.last_at > :until and one.last_at >= :since
    order by one.last_at limit 1))
where s.job = :job and g.first_at <= :until
order by g.first_at;
