-- The generation in force at an instant.
select * from generation where applied_at <= :at order by number desc limit 1
