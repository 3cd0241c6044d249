-- A job is paused.
insert into pause (job, source, actor, reason, paused_at, until)
values (:job, :source, :actor, :reason, :paused_at, :until)
