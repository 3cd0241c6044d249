-- Every row of a table, to see whether it can be read.
select * from run
