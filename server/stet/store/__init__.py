"""Everything that is kept: SQLite in one file, one module per table family. The only package that writes SQL."""

from stet.store.database import Database, open_store

__all__ = ["Database", "open_store"]
