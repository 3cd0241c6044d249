-- What may start is found queue by queue, in starting order: priority, nominal time, arrival. Runs that are made up for
-- have their own pace, so they are listed apart. Runs that wait for another run are also found by its key, and runs that
-- wait for a retry by their time.
create index run_ready_lane on run (queue, (trigger = 'catchup'), priority desc, scheduled_for)
  where state = 'queued' and reason <> 'overlap' and reason <> 'spread';
create index run_overlap_lane on run (queue, (trigger = 'catchup'), priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap';
create index run_retry_lane on run (queue, retry_at, priority, scheduled_for) where state = 'retry_wait';
drop index run_overlapped;
create index run_overlapped on run (queue, concurrency_key, priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap';
drop index run_catchup;
create index run_overlapped_catchup on run (queue, concurrency_key, priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap' and trigger = 'catchup';

-- Who holds the slots of a queue.
create index run_holding on run (queue) where queue <> '' and state in ('running', 'cancelling');
