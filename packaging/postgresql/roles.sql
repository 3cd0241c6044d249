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

-- Gives the roles jobfile_worker and jobfile_reader their rights, if they exist: on the tables of the ledger, in the
-- first schema of the search path, and on those of the carriers, in schemas beside it. jobfile does it after each
-- change of the tables. The owner of the tables has all rights by itself, and so has each member of that role.
do $rights$
declare
  ledger text := current_schema();
  has_reader boolean := exists (select from pg_roles where rolname = 'jobfile_reader');
  has_worker boolean := exists (select from pg_roles where rolname = 'jobfile_worker');
  queue text;
  one record;
begin
  if ledger is null or not exists (
    select from pg_tables where schemaname = ledger and tablename = 'delivery'
  ) then
    return;  -- no tables yet: the first start makes them
  end if;

  if has_reader then
    execute format('grant usage on schema %I to jobfile_reader', ledger);
    -- Of tokens, the ledger has digests, which open nothing.
    execute format('grant select on all tables in schema %I to jobfile_reader', ledger);
  end if;

  if has_worker then
    execute format('grant usage on schema %I to jobfile_worker', ledger);
    -- What an attempt is prepared from. Of the past it needs the last success of a job.
    grant select on meta, run, attempt, step, output, definition, generation, artifact, delivery, host, output_chunk
      to jobfile_worker;
    for one in
      select oid::regprocedure as name from pg_proc
      where pronamespace = quote_ident(ledger)::regnamespace and proname like 'worker\_%'
    loop
      execute format('grant execute on function %s to jobfile_worker', one.name);
    end loop;
    grant execute on function is_run_of_user to jobfile_worker;

    -- What jobs printed is for the hosts that execute the same run, and for all who may read the ledger.
    alter table output_chunk enable row level security;
    drop policy if exists of_own_runs on output_chunk;
    drop policy if exists of_all_runs on output_chunk;
    create policy of_own_runs on output_chunk for select to jobfile_worker using (is_run_of_user(run_id));
    create policy of_all_runs on output_chunk for select
      using (not pg_has_role(current_user, 'jobfile_worker', 'usage'));

    -- A carrier only brings offers; it does not decide who executes what. The names are those of shared.py.
    foreach queue in array array['_procrastinate', '_pgqueuer'] loop
      queue := case when octet_length(ledger || queue) <= 63 then ledger
                    else left(encode(sha256(convert_to(ledger, 'UTF8')), 'hex'), 63 - octet_length(queue)) end || queue;
      if exists (select from pg_namespace where nspname = queue) then
        execute format('grant usage on schema %I to jobfile_worker', queue);
        execute format('grant select, insert, update, delete on all tables in schema %I to jobfile_worker', queue);
        execute format('grant usage on all sequences in schema %I to jobfile_worker', queue);
      end if;
    end loop;
  end if;
end $rights$;
