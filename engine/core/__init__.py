"""Pure decisions: what is due, what may start, what is tried again; and the values they are about."""
