-- What happened to the engine, the newest first.
select * from incident order by id desc limit :limit
