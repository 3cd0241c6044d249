-- The schedules of a job go with its new name, and their coverage.
update schedule set job = :new where job = :old
