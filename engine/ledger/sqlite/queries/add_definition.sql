-- A compiled job, once for each meaning.
insert into definition (digest, job, spec) values (:digest, :job, :spec) on conflict (digest) do nothing
