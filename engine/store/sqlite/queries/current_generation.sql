-- The generation in force.
select * from generation order by number desc limit 1
