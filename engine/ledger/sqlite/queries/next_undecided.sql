-- When the next spread has passed.
select min(not_before) from run indexed by run_undecided where state = 'queued' and reason = 'spread'
