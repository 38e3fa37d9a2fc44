"""Every statement finds what it wants by an index, whatever else is in the file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from types import ModuleType

import pytest

from qtasks.models import Query
from qtasks.status import FINAL, TaskStatus
from qtasks_sqlite import _admin_statements, _finding, _permits, _schema, _statements, _streams, config

MODULES = (_statements, _admin_statements, _streams, _permits, config)
PARTS = {"_CANCELLED"}
"""What is no statement by itself."""


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield the statements of a module by name, without the templates that they are made of."""
    for name, value in vars(module).items():
        for text in value if isinstance(value, tuple) else (value,):
            is_text = isinstance(text, str) and "{" not in text and name not in PARTS
            if is_text and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\s", text):
                yield f"{module.__name__}.{name}", text


ALL = [statement for module in MODULES for statement in statements(module)]
MADE = [
    ("claim of a queue", _statements.claim(1)),
    ("claim of tiers", _statements.claim(2, 1)),
    *((f"find {status.value}", _finding.statement(Query(frozenset({status})))) for status in TaskStatus),
    ("find by several", _finding.statement(Query(FINAL, "queue", "name", (0.0, "id")))),
]


def plan(statement: str) -> list[str]:
    """Return how SQLite goes about it in a file as we make it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in _schema.MIGRATIONS:
            for step in script:
                connection.execute(step)
        names = set(re.findall(r":(\w+)", statement))
        values = dict.fromkeys(names, 1) if names else [1] * statement.count("?")
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize(("name", "statement"), [*ALL, *MADE], ids=[name for name, _ in [*ALL, *MADE]])
def test_no_table_is_read_from_end_to_end(name: str, statement: str) -> None:
    """Only what is in none of the indexes may cost as much as there is, and that is nothing here."""
    tables = {"task", "holder", "setting", "registry", "said", "item", "permit", "pace"}
    read = [line.split() for line in plan(statement) if line.startswith("SCAN")]

    assert [words for words in read if tables & set(words) and "INDEX" not in words] == [], name


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (_statements.claim(1), "task_ready (app=? AND queue=?)"),
        (_statements.PROMOTE, "task_due (app=? AND due<?)"),
        (_statements.MOMENTS, "task_due (app=? AND due>?)"),
        (_statements.EXPIRE, "task_final (app=? AND status=? AND remove_at<?)"),
        (_admin_statements.DEAD, "task_dead (app=? AND status=?)"),
        (_admin_statements.HOW_MANY_DEAD, "task_dead (app=? AND status=?)"),
        (_admin_statements.DELETE_OLDEST_DEAD, "task_dead (app=? AND status=?)"),
    ],
)
def test_what_is_asked_all_the_time_reads_no_row_that_it_does_not_want(statement: str, index: str) -> None:
    """The index has all that is asked for, and is walked from where the wanted ones begin."""
    assert any(line.endswith(f"COVERING INDEX {index}") for line in plan(statement))


def test_every_statement_is_looked_at() -> None:
    """The list above is not empty by mistake: it has those that every task needs."""
    names = {name.rpartition(".")[2] for name, _ in ALL}

    assert names >= {"INSERT", "FINISH", "RETRY", "GIVE_BACK", "EXPIRE", "GET", "QUEUES", "TIDY", "_OVER"}
    assert len(ALL) > 60
