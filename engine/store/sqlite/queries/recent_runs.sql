-- The newest runs; of one job, in one state, or all.
select * from run
where (:job is null or job = :job) and (:state is null or state = :state)
order by seq desc limit :limit
