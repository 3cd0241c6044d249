-- The newest epoch of a clock that a schedule is in.
select coalesce(max(clock_epoch), 0) from schedule where clock_epoch <= 9007199254740992
