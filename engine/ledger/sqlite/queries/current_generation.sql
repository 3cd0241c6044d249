-- The generation in force.
select * from generation where number <= 9007199254740992 order by number desc limit 1
