-- Retention: which old runs may be deleted, and what is kept in their place.

-- name: prunable
-- Old finished runs, oldest first. Kept are runs that were retried by hand, with their retries, and of each job the
-- newest success (its time is passed to the job's next run), and after it the newest failure and the newest miss: the
-- next success is a recovery. Of an occurrence with several runs only the first one is listed, if all of them may be
-- deleted.
select * from run as one
where one.scheduled_for < :before and one.queued_at < :before and (cast(:job as text) is null or one.job = :job)
  and one.state not in ('queued', 'running', 'cancelling', 'retry_wait') and one.ended_at < :before
  and one.retry_of is null and not exists (select 1 from run where retry_of = one.id)
  and not (one.state in ('succeeded', 'failed', 'timed_out', 'lost', 'missed')
    and not exists (select 1 from run as newer where newer.job = one.job and newer.state = 'succeeded'
                      and newer.ended_at > one.ended_at)
    and (one.state not in ('failed', 'timed_out', 'lost') or not exists (
      select 1 from run as newer where newer.job = one.job and newer.state in ('failed', 'timed_out', 'lost')
        and newer.ended_at > one.ended_at))
    and (one.state <> 'missed' or not exists (
      select 1 from run as newer where newer.job = one.job and newer.state = 'missed'
        and newer.ended_at > one.ended_at)))
  and (one.occurrence is null or (one.occurrence = one.id and not exists (
    select 1 from run as other where other.occurrence = one.id
      and (other.ended_at is null or other.ended_at >= :before or other.reason = 'unreadable'
           or other.retry_of is not null
           or (other.state in ('succeeded', 'failed', 'timed_out', 'lost', 'missed')
             and not exists (select 1 from run as newer where newer.job = other.job and newer.state = 'succeeded'
                               and newer.ended_at > other.ended_at)
             and (other.state not in ('failed', 'timed_out', 'lost') or not exists (
               select 1 from run as newer where newer.job = other.job
                 and newer.state in ('failed', 'timed_out', 'lost') and newer.ended_at > other.ended_at))
             and (other.state <> 'missed' or not exists (
               select 1 from run as newer where newer.job = other.job and newer.state = 'missed'
                 and newer.ended_at > other.ended_at)))))))
order by one.scheduled_for, one.seq limit :limit;

-- name: crowded_jobs
-- Jobs with more runs than the number to keep.
select job from run group by job having count(*) > :keep;

-- name: kept_since
-- The nominal time of the oldest run to keep; the offset is the number to keep less one.
select scheduled_for from run where job = :job order by scheduled_for desc limit 1 offset :keep;

-- name: delete_attempts
-- Delete the attempts of a pruned run.
delete from attempt where run_seq = (select seq from run where id = :id);

-- name: delete_outputs
-- Delete the outputs of a pruned run.
delete from output where run_seq = (select seq from run where id = :id);

-- name: delete_artifacts
-- Delete the artifacts of a pruned run.
delete from artifact where run_seq = (select seq from run where id = :id);

-- name: delete_steps
-- Delete the steps of a pruned run.
delete from step where run_seq = (select seq from run where id = :id);

-- name: delete_run
-- Delete a pruned run.
delete from run where id = :id;

-- name: pruned_gap_before
-- The last gap record before an instant, among those in the place of pruned runs.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where g.schedule_id = :schedule_id and g.last_at < :at and g.pruned_at is not null
order by g.last_at desc limit 1;

-- name: add_pruned_gap
-- Put a gap record in the place of a pruned run, with the run's state.
insert into gap (schedule_id, job, first_at, last_at, count, state, reason, detail, generation, epoch, recorded_at,
                 pruned_at, ran)
values (:schedule_id, :job, :last_at, :last_at, 1, :state, :reason, :detail, :generation, :epoch, :recorded_at, :now,
        :ran);

-- name: extend_pruned_gap
-- Extend a gap record by one more pruned run.
update gap set last_at = :last_at, count = count + 1, pruned_at = :now where id = :id;

-- name: count_pruned_request
-- Count a pruned manual run.
insert into pruned_request (job, quarter, state, count) values (:job, :quarter, :state, 1)
on conflict (job, quarter, state) do update set count = pruned_request.count + 1;

-- name: pruned_requests
-- Pruned manual runs of a job, counted by state. An altered count is left out.
select state, cast(sum(count) as bigint) as count from pruned_request
where job = :job and quarter >= :since and quarter < :until and count between 0 and 9007199254740992 group by state;

-- name: finished_since
-- Runs recorded after a given one and before an instant, in order.
select * from run where seq > :after and queued_at < :before order by seq limit :limit;
