-- What was done after a line of the audit, oldest first.
select * from audit where seq > :seq order by seq limit :limit
