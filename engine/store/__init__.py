"""One schema on SQLite through aiosqlite: migrations, one writer task, a read pool."""
