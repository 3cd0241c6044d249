-- When the next spread has passed.
select min(not_before) from run where state = 'queued' and reason = 'spread'
