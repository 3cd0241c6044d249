-- How long runs took and how late they started, counted as they happen: monitoring systems need counts that only grow,
-- also when old runs are deleted. `bound` is the upper bound of a bucket and `length` the sum of what it has, both in
-- microseconds.
create table histogram (
  name   text    not null,
  job    text    not null,
  bound  integer not null,
  runs   integer not null,
  length integer not null,
  primary key (job, name, bound)
) strict, without rowid;
