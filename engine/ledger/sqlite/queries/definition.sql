-- The canonical text of a compiled job.
select job, spec from definition where digest = :digest
