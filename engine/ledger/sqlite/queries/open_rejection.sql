-- The set of files that is being refused, if there is one.
select * from rejection where resolved_at is null order by id desc limit 1
