-- A run that is pruned.
delete from run where id = :id
