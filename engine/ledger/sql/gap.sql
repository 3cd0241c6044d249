-- Gap records: many occurrences that did not run, in one row.

-- name: add_gap
-- Record consecutive occurrences that did not run.
insert into gap (schedule_id, job, first_at, last_at, count, state, reason, detail, generation, epoch, recorded_at)
values (:schedule_id, :job, :first_at, :last_at, :count, :state, :reason, :detail, :generation, :epoch, :recorded_at);

-- name: extend_gap
-- Extend the newest gap record of a schedule by more of the same kind. It must end at the coverage: then no
-- occurrence is between.
update gap set last_at = :last_at, count = count + :count
where schedule_id = :schedule_id and last_at = :covered_until and pruned_at is null
  and state = :state and reason = :reason and detail = :detail and generation = :generation;

-- name: gaps_between
-- Gap records that overlap a window.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where g.first_at <= :until and g.last_at >= :since
order by g.first_at;

-- name: gaps_of_schedule
-- The gap records of a schedule in the order of their instants.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where g.schedule_id = :schedule_id order by g.first_at, g.last_at;
