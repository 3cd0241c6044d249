-- Makes the roles of a ledger that several hosts share. A superuser runs this once in the database of the ledger:
--
--   jobfile export roles | psql -v ON_ERROR_STOP=1 -d DATABASE
--
-- before jobfile makes the tables, or afterwards; running it again changes nothing. For a ledger in a schema of its
-- own, set PGOPTIONS='-csearch_path=SCHEMA'. The schema should be for the ledger alone.
--
--   jobfile_leader  owns the tables: schedulers, and people who change something (apply, run, cancel, pause, ...)
--   jobfile_worker  executes jobs: takes attempts, renews their leases, reports their ends, sends their output
--   jobfile_reader  reads: did, why, report, runs, logs, status, hosts, ...
--
-- Then make a user for each scheduler, for each host and for each person, for example:
--
--   create role scheduler login in role jobfile_leader;  alter role scheduler set role = jobfile_leader;
--   create role bergen login in role jobfile_worker;
--   create role anna login in role jobfile_reader;
--
-- The second statement for a scheduler makes everything that it creates belong to the role.
do $roles$
declare
  ledger text := current_schema();
  place text;
  had text;
  one record;
begin
  if ledger is null then
    raise exception 'the schema of the search path does not exist';
  end if;
  for one in
    select name from unnest(array['jobfile_leader', 'jobfile_worker', 'jobfile_reader']) as name
    where not exists (select from pg_roles where rolname = name)
  loop
    execute format('create role %I nologin', one.name);
  end loop;

  -- Nobody else may make anything in the schema.
  execute format('revoke create on schema %I from public', ledger);
  execute format('grant usage, create on schema %I to jobfile_leader', ledger);
  execute format('grant create on database %I to jobfile_leader', current_database());

  -- A ledger that is there belongs to the user who made it: hand over what is that user's in its schemas.
  select tableowner into had from pg_tables where schemaname = ledger and tablename = 'meta';
  if had is null or had = 'jobfile_leader' then
    return;
  end if;
  for place in
    select nspname from pg_namespace where nspname in (ledger, ledger || '_procrastinate', ledger || '_pgqueuer')
  loop
    if place <> ledger then
      execute format('alter schema %I owner to jobfile_leader', place);
    end if;
    for one in
      select format('alter table %s owner to jobfile_leader', pg_class.oid::regclass) as command
      from pg_class
      where relnamespace = quote_ident(place)::regnamespace and relkind in ('r', 'p') and relowner = quote_ident(had)::regrole
      union all
      select format('alter routine %s owner to jobfile_leader', pg_proc.oid::regprocedure)
      from pg_proc
      where pronamespace = quote_ident(place)::regnamespace and proowner = quote_ident(had)::regrole
      union all
      select format('alter type %s owner to jobfile_leader', pg_type.oid::regtype)
      from pg_type
      where typnamespace = quote_ident(place)::regnamespace and typtype = 'e' and typowner = quote_ident(had)::regrole
    loop
      execute one.command;
    end loop;
  end loop;
  raise notice 'what belonged to % in the schemas of the ledger belongs to jobfile_leader now', had;
end $roles$;

