-- `why` asks for the records about one run, however long the audit is.
create index audit_of_object on audit (object, seq);
