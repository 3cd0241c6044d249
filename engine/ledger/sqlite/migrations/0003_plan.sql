-- Plans: which one made a generation, and what a rollback took out of force.

alter table generation add column plan_id text not null default '';
-- The digest of the set that a rollback replaced: files that still say it are not put in force again by themselves.
alter table generation add column instead_of text not null default '';
-- What made the generation, where that is not simply the files.
alter table generation add column note text not null default '';
create unique index generation_of_plan on generation (plan_id) where plan_id != '';
create index job_version_ends on job_version (until_generation);
create index job_version_begins on job_version (from_generation);

-- Tells this ledger from every other: a plan is made against one, and is of no use to another.
insert or ignore into meta (key, value) values ('lineage', lower(hex(randomblob(16))));
