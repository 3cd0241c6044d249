-- Where the file of an event was: the mount point of its folder. That a file is gone is only proved while the same
-- file system is mounted there.
alter table trigger_event add column mount text not null default '';

-- A run whose file is gone before it starts gives up its event.
create index trigger_event_run on trigger_event (run_id);
