"""`make mutate`: makes small changes to decision code, each of which a test must notice."""
