-- One run.
select * from run where id = :id
