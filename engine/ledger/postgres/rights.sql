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
