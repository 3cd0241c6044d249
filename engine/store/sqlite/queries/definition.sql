-- The canonical text of a compiled job.
select spec from definition where digest = :digest
