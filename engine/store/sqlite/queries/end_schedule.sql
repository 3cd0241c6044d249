-- A schedule goes out of force: nothing after is due.
update schedule set active_until = :at, ended_because = :because, covered_until = max(covered_until, :at)
where id = :id and active_until is null
