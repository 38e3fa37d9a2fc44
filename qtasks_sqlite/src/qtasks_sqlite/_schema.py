"""The tables, and how a file gets them."""

from __future__ import annotations

import sqlite3
from typing import Final

from qtasks.errors import BackendMismatch, BackendRefused

APPLICATION_ID: Final = 0x51546B73
"""`QTks`, in the header of every file of ours: sqlite.org/pragma.html#pragma_application_id."""

OLDEST_SQLITE: Final = (3, 35, 0)
"""RETURNING came with it."""

_VERSION_1: Final = (
    # A task is its record and its place in the queue in one row. Of those that this file queues
    # (role > 0) and that are not final exactly one of three is set: `due` while it waits for its
    # moment, `turn` while it is ready, `holder` while a worker has it; `place` keeps the last turn,
    # for a delivery that comes back. Final is what has `remove_at`, which may be infinite.
    # What changes often comes first and what is large comes last: SQLite reads a row from its start.
    """
    CREATE TABLE task (
        seq INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        queue TEXT NOT NULL,
        priority INTEGER NOT NULL,
        role INTEGER NOT NULL,
        status TEXT NOT NULL,
        holder INTEGER,
        turn REAL,
        place REAL,
        due REAL,
        finished_at REAL,
        remove_at REAL,
        epoch INTEGER NOT NULL DEFAULT 1,
        attempt INTEGER NOT NULL DEFAULT 1,
        delivery INTEGER NOT NULL DEFAULT 0,
        settled INTEGER,
        attempts INTEGER NOT NULL DEFAULT 0,
        losses INTEGER NOT NULL DEFAULT 0,
        turns INTEGER NOT NULL DEFAULT 0,
        updated_at REAL NOT NULL,
        created_at REAL NOT NULL,
        since REAL,
        expires_at REAL,
        started_at REAL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        worker TEXT,
        reason TEXT,
        history TEXT,
        error BLOB,
        result BLOB,
        body BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX task_id ON task (id, app)",
    # Each has all that its statements ask for, so that claiming and counting read no row.
    "CREATE INDEX task_ready ON task (app, queue, priority DESC, turn) WHERE turn IS NOT NULL",
    "CREATE INDEX task_due ON task (app, due, role, status) WHERE due IS NOT NULL",
    "CREATE INDEX task_held ON task (app, holder) WHERE holder IS NOT NULL",
    "CREATE INDEX task_final ON task (app, status, remove_at) WHERE remove_at IS NOT NULL",
    # These two are empty, or nearly.
    "CREATE INDEX task_retry ON task (app, status, turn) WHERE status = 'retry'",
    "CREATE INDEX task_alone ON task (app, role, status) WHERE role = 0",
    # A lease belongs to a worker. `clock` names the boot whose clock `renewed` and `until` are on.
    """
    CREATE TABLE holder (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        app TEXT NOT NULL,
        worker TEXT NOT NULL,
        clock TEXT NOT NULL,
        renewed REAL NOT NULL,
        until REAL NOT NULL,
        info TEXT NOT NULL,
        UNIQUE (app, worker)
    )
    """,
    """
    CREATE TABLE setting (
        app TEXT NOT NULL,
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (app, name, key)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE registry (
        app TEXT NOT NULL,
        id TEXT NOT NULL,
        clock TEXT NOT NULL,
        until REAL NOT NULL,
        info TEXT NOT NULL,
        PRIMARY KEY (app, id)
    ) WITHOUT ROWID
    """,
)

_VERSION_2: Final = (
    # Both are nearly always NULL, so they cost a byte each where a new column has to be: at the end of
    # the row, behind what is large.
    "ALTER TABLE task ADD COLUMN unique_key TEXT",
    "ALTER TABLE task ADD COLUMN cancel TEXT",
    "CREATE INDEX task_unique ON task (app, unique_key, remove_at) WHERE unique_key IS NOT NULL",
    # Not by what the busiest statement sets: it has nothing to do here then. Whoever expires records takes
    # the wishes of final ones off.
    "CREATE INDEX task_wish ON task (app) WHERE cancel IS NOT NULL",
    "DROP INDEX task_due",
    "CREATE INDEX task_due ON task (app, due, role, status, queue) WHERE due IS NOT NULL",
    # What bodies say of themselves while they run: apart from the task, whose row may be large. `items` is
    # the delivery whose items are kept.
    """
    CREATE TABLE said (
        task INTEGER PRIMARY KEY,
        items INTEGER,
        progress REAL,
        note TEXT
    )
    """,
    "CREATE INDEX said_items ON said (task) WHERE items IS NOT NULL",
    """
    CREATE TABLE item (
        task INTEGER NOT NULL,
        delivery INTEGER NOT NULL,
        number INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (task, delivery, number)
    ) WITHOUT ROWID
    """,
    # Whoever removes a task, for whatever reason, removes this with it.
    """
    CREATE TRIGGER task_removed AFTER DELETE ON task
    WHEN EXISTS (SELECT 1 FROM said WHERE task = old.seq)
    BEGIN
        DELETE FROM item WHERE task = old.seq;
        DELETE FROM said WHERE task = old.seq;
    END
    """,
    # A new epoch has no wish of the one before, also where a process of the version before requeues.
    """
    CREATE TRIGGER task_requeued AFTER UPDATE OF epoch ON task
    WHEN new.epoch > old.epoch AND new.cancel IS NOT NULL
    BEGIN
        UPDATE task SET cancel = NULL WHERE seq = new.seq;
    END
    """,
    # Limits that all workers share. A permit is valid as long as its worker is in the registry; `next` is
    # the moment before which nothing starts.
    """
    CREATE TABLE permit (
        app TEXT NOT NULL,
        key TEXT NOT NULL,
        task TEXT NOT NULL,
        worker TEXT NOT NULL,
        PRIMARY KEY (app, key, task)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX permit_task ON permit (app, task, worker)",
    """
    CREATE TABLE pace (
        app TEXT NOT NULL,
        key TEXT NOT NULL,
        next REAL NOT NULL,
        PRIMARY KEY (app, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX pace_next ON pace (app, next)",
)

_VERSION_3: Final = (
    # The dead letters in the order of their ends, for their number by queue and for those that are too many.
    # What the condition says is there as well, else SQLite reads the rows.
    """
    CREATE INDEX task_dead ON task (app, status, finished_at, queue, remove_at, role)
    WHERE status = 'dead' AND role <> 1
    """,
)

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3)
"""What leads from each version of the schema to the next; the length is the newest version."""


# One statement, so that what another process commits meanwhile is seen whole or not at all.
_WHOSE: Final = """
SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
       (SELECT count(*) FROM sqlite_master)
"""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Check that the file is ours, or nobody's, and bring its tables to the newest version.

    Several processes may do so at once: the first one does it, the others find it done.

    Raises:
        BackendMismatch: It belongs to another program, or to a newer version of QTasks.
        BackendRefused: The SQLite of this Python is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise BackendRefused(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
    if version_of(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path)
        for script in MIGRATIONS[version:]:
            for statement in script:
                connection.execute(" ".join(statement.split()))  # the file keeps the text
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of the schema; 0 is a file without anything in it.

    Raises:
        BackendMismatch: It belongs to another program, or to a newer version of QTasks.
    """
    owner, version, tables = connection.execute(_WHOSE).fetchone()
    if owner == APPLICATION_ID:
        if version > len(MIGRATIONS):
            raise BackendMismatch(
                f"{path} was written by a newer version of qtasks-sqlite"
                f" (schema {version}, known here: {len(MIGRATIONS)}): upgrade qtasks and qtasks-sqlite"
            )
        return int(version)
    if owner or version or tables:
        raise BackendMismatch(f"{path} belongs to another program: choose another path for the tasks")
    return 0
