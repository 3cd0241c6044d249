-- A run that waits for another one starts only when that is over. It is found by its key, so a search for startable
-- runs does not read it, however many wait.
drop index run_waiting;
create index run_ready on run (not_before) where state = 'queued' and reason <> 'overlap';
create index run_overlapped on run (concurrency_key, not_before) where state = 'queued' and reason = 'overlap';
-- The runs that wait under a key are counted without reading any of them.
drop index run_queued;
create index run_queued on run (concurrency_key, reason) where state = 'queued';
