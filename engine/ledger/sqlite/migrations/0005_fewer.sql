-- Each change of a state writes all indexes that depend on the state. So open runs are found through the two indexes
-- that the worker needs anyway: those of waiting and of active runs.
drop index run_open;
drop index run_in_the_way;
create index run_queued on run (concurrency_key) where state = 'queued';
