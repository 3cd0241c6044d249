-- More occurrences fell into the same incident.
update incident set occurrences = occurrences + :occurrences, jobs = jobs + :jobs, ended_at = :ended_at
where id = (select id from incident where kind = :kind and began_at = :began_at order by id desc limit 1)
