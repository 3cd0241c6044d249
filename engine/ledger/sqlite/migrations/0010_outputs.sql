-- The outputs of a run by name, as canonical JSON: of its steps and items, or with step '' for a job with one action.
create table output (
  run_seq integer not null references run (seq),
  step    text    not null default '',
  item    integer not null default 0,
  name    text    not null,
  value   text    not null,
  primary key (run_seq, step, item, name)
) strict, without rowid;
