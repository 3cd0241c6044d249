-- Runs that are over and long ago, oldest first. What people tried again stays with what became of it, and so does
-- the newest success of each job: its next run is told of it.
select * from run as one
where one.scheduled_for < :before and one.queued_at < :before and (:job is null or one.job = :job)
  and one.state not in ('queued', 'running', 'cancelling', 'retry_wait') and one.ended_at < :before
  and one.retry_of is null and not exists (select 1 from run where retry_of = one.id)
  and not (one.state = 'succeeded' and not exists (
    select 1 from run as newer where newer.job = one.job and newer.state = 'succeeded'
      and newer.ended_at > one.ended_at))
order by one.scheduled_for, one.seq limit :limit
