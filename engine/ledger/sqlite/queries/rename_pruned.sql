-- The numbers of pruned runs go with a job's new name.
update pruned_request set job = :new where job = :old
