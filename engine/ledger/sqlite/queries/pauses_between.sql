-- Pauses that were in force at some time in a window, oldest first; of one job or of all.
select * from pause
where (:job is null or job = :job)
  and coalesce(ended_at, until, :since + 1) > :since and coalesce(until, :since + 1) > :since
  and paused_at <= :until
order by paused_at, id
