-- Plans: which plan made a generation, and which set a rollback replaced.

alter table generation add column plan_id text not null default '';
-- The digest of the set that a rollback replaced: files with this meaning are not put in force again automatically.
alter table generation add column instead_of text not null default '';
-- What made the generation, if it was not simply the files.
alter table generation add column note text not null default '';
create unique index generation_of_plan on generation (plan_id) where plan_id != '';
create index job_version_ends on job_version (until_generation);
create index job_version_begins on job_version (from_generation);

-- Identifies this ledger: a plan is made for one ledger, and cannot be applied to another.
insert or ignore into meta (key, value) values ('lineage', lower(hex(randomblob(16))));
