-- The newest runs; of one job, in some states, or all.
select * from run
where (:job is null or job = :job) and (:states is null or state in (select value from json_each(:states)))
order by seq desc limit :limit
