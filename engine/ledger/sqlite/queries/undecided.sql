-- Runs whose spread has passed, about which nothing is decided yet.
select * from run indexed by run_undecided where state = 'queued' and reason = 'spread' and not_before <= :now
order by not_before, seq limit :limit
