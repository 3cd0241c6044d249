-- Waiting runs that could not start in time and were not ended.
select * from run where state = 'queued' and start_by is not null and start_by < :now order by seq limit :limit
