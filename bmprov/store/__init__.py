"""What is true, in SQL: SQLite (WAL) when everything runs on one host, PostgreSQL when processes live on several.

`Store.read()` and `Store.write()` give a `Transaction`; everything that must change together changes in one.
"""

from bmprov.store.store import Store, Transaction

__all__ = ["Store", "Transaction"]
