-- The gap records of a schedule in the order of their instants.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where g.schedule_id = :schedule_id order by g.first_at, g.last_at
