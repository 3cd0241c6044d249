-- Gap records: the statement that only SQLite understands, because of its JSON functions.

-- name: last_gaps
-- The newest gap records of each of these jobs.
select g.*, s.rule from json_each(:jobs) as named join gap g on g.id in (
  select one.id from gap as one where one.job = named.value order by one.first_at desc limit :count)
join schedule s on s.id = g.schedule_id
order by g.job, g.first_at;
