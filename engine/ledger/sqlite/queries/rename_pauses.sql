-- The pauses of a job go with its new name.
update pause set job = :new where job = :old
