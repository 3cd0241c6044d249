-- Jobs that start after other jobs, and the ends of runs that no engine has acted on yet.

-- name: follow
-- A job follows another from a generation on; nothing changes if it did already.
insert into followed (job, follower, generation) values (:job, :follower, :generation)
on conflict (job, follower) do nothing;

-- name: followed_by
-- The jobs that a job follows, by name, and since when.
select job, generation from followed where follower = :follower order by job;

-- name: unfollow
-- A job does not follow another any more.
delete from followed where job = :job and follower = :follower;

-- name: followers
-- The jobs that followed a job already in a generation, by name.
select follower from followed where job = :job and generation <= :generation order by follower;

-- name: ends
-- The oldest ends that no engine has acted on.
select * from ended order by seq limit :limit;

-- name: end_done
-- What follows from an end is recorded.
delete from ended where seq = :seq;

-- name: oldest_end
-- When the oldest end was noted that no engine has acted on.
select min(noted_at) from ended;

-- name: runs_at
-- The newest runs of a job for a nominal time, in the order of their recording.
select * from (
  select * from run where job = :job and scheduled_for = :at order by seq desc limit :limit) as found
order by seq;
