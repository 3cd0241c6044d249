-- A gap record takes in one more pruned run.
update gap set last_at = :last_at, count = count + 1, pruned_at = :now where id = :id
