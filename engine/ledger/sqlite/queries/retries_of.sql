-- Runs that a person asked for to make up for another.
select * from run where retry_of = :id order by seq
