-- A run that waits for another one starts only when that is over: it is found by its key, and nobody who looks for
-- what may start has to read past it, however many wait.
drop index run_waiting;
create index run_ready on run (not_before) where state = 'queued' and reason <> 'overlap';
create index run_overlapped on run (concurrency_key, not_before) where state = 'queued' and reason = 'overlap';
-- How many wait under a key is counted without reading one of them.
drop index run_queued;
create index run_queued on run (concurrency_key, reason) where state = 'queued';
