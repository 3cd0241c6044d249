-- What was done last, the newest first.
select * from audit order by seq desc limit :limit
