"""The ledger in PostgreSQL. Only this package imports psycopg, which the extra `postgres` installs."""

__all__ = ["doors"]
