-- The gap records of a job go with its new name.
update gap set job = :new where job = :old
