-- The ends of a job's runs that were no success, by time: few, so that finding the newest costs little, however long
-- the past is. And what was missed, in rows and gap records: a success after it is a recovery.
create index run_failed on run (job, ended_at) where state in ('failed', 'timed_out', 'lost');
create index run_missed on run (job, ended_at) where state = 'missed';
create index gap_missed on gap (job, recorded_at) where state = 'missed' and pruned_at is null;

-- The runs of matrices by time: a report reads them, and most runs have none.
create index run_matrix on run (scheduled_for) where occurrence is not null;
