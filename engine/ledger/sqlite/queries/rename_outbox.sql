-- What is owed about a job goes with its new name.
update outbox set job = :new where job = :old
