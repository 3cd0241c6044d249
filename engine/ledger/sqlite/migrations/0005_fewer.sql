-- Each change of a run's state writes all indexes that its state decides about: what is open is found by the halves
-- of it, waiting and active, that the worker asks for anyway.
drop index run_open;
drop index run_in_the_way;
create index run_queued on run (concurrency_key) where state = 'queued';
