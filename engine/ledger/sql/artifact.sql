-- Artifacts: the files that attempts kept.

-- name: add_artifact
-- One file of an attempt.
insert into artifact (run_seq, step, item, attempt, name, size, sha256, copy, note)
select seq, :step, :item, :number, :name, :size, :sha256, :copy, :note from run where id = :run_id;

-- name: artifacts
-- The artifacts of a run, in the order in which they were recorded.
select a.*, r.id as run_id from artifact a join run r on r.seq = a.run_seq where r.id = :run_id order by a.seq;

-- name: with_copies
-- Runs that ended before an instant and whose artifacts still have copies, in order.
select * from run
where seq in (select run_seq from artifact where copy > 0 and dropped_at is null) and ended_at < :before
order by seq limit :limit;

-- name: drop_artifacts
-- Note that the copies of a run's artifacts are deleted.
update artifact set dropped_at = :now
where run_seq = (select seq from run where id = :run_id) and copy > 0 and dropped_at is null;
