-- The newest gap record of a schedule goes on with more of the same kind, when nothing lies between.
update gap set last_at = :last_at, count = count + :count
where schedule_id = :schedule_id and last_at = :covered_until and pruned_at is null
  and state = :state and reason = :reason and detail = :detail and generation = :generation
