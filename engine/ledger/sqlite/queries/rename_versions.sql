-- The definitions of a job go with its new name.
update job_version set job = :new where job = :old
