"""The commands that look after queues, tasks, dead letters and workers."""

from __future__ import annotations

import io
import math
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest
from cli.command import Folder
from cli.inside import Place, qtasks, strict

from qtasks import Secret
from qtasks.asyncio import QueueTasks
from qtasks.models import Failure, Message
from qtasks.serialization import encode_failure, encode_value
from qtasks.status import TaskStatus

UNKNOWN = str(uuid4())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty file of tasks."""
    return Place(f"sqlite:///{tmp_path / 'tasks.db'}")


# Which app


@pytest.mark.parametrize("where", ["option", "environment", "app before", "app after", "app and url"])
def test_the_app_is_found(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its URL and name, by QTASKS_URL, or by `-A` before or behind the command; `--url` wins."""
    place = Place(f"sqlite:///{tmp_path / 'tasks.db'}")
    place.add()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Folder(tmp_path).app("looked_at", "memory://" if where == "app and url" else place.url)
    if where == "environment":
        monkeypatch.setenv("QTASKS_URL", place.url)
    calls = {
        "option": ("counts", "--json", "--url", place.url, "--name", "shop"),
        "environment": ("counts", "--json", "--name", "shop"),
        "app before": ("-A", "looked_at:app", "counts", "--json"),
        "app after": ("counts", "--json", "--app", "looked_at"),
        "app and url": ("counts", "--json", "-A", "looked_at", "--url", place.url),
    }
    result = qtasks(*calls[where])
    sys.modules.pop("looked_at", None)
    assert (result.code, strict(result.out)["total"]) == (0, 1)


def test_apps_of_other_names_are_not_seen(place: Place) -> None:
    """`--name` tells apps on one file apart."""
    place.add()
    other = qtasks("counts", "--json", "--url", place.url, "--name", "other")
    assert strict(other.out)["total"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("counts",), "which app? Give -A module:app, or --url URL with --name NAME, or set QTASKS_URL"),
        (("counts", "-A", "nowhere_at_all"), "there is no module 'nowhere_at_all'"),
        (("counts", "-A", "json:dumps", "--name", "x"), "--name is for an app that is not imported"),
        (("counts", "--url", "natz://u:secret@h"), "no installed package serves natz://"),
        (("queue", "pause", "", "--url", "memory://"), "a queue name is 1"),
        (("task", "show", "no-id", "--url", "memory://"), "'no-id' is not a valid UUID"),
        (("task", "requeue", "--url", "memory://"), "give either the ids of tasks, or --all"),
        (("task", "requeue", "--all", UNKNOWN, "--url", "memory://"), "give either the ids"),
        (("dead", "requeue", UNKNOWN, "--queue", "q", "--url", "memory://"), "--queue and --task narrow"),
        (("dead", "purge", "--all", "--url", "memory://"), "give --yes, as there is no terminal"),
        (("queue", "purge", "q", "--url", "memory://"), "this would cancel everything that waits in q"),
        (("task", "list", "--status", "lost", "--url", "memory://"), "'lost' is not one of"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, nothing on standard output, and the last line of standard error says it."""
    monkeypatch.delenv("QTASKS_URL", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    result = qtasks(*arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err.splitlines()[-1]
    assert "secret" not in result.err


def test_a_backend_that_fails_is_one_line(tmp_path: Path) -> None:
    """A file of another program: exit code 1, one line, nothing on standard output, also with `--json`."""
    (tmp_path / "other.db").write_text("this is no database, whatever its name says" * 50)
    for extra in ((), ("--json",)):
        result = qtasks("queue", "list", "--url", f"sqlite:///{tmp_path / 'other.db'}", *extra)
        assert (result.code, result.out) == (1, "")
        assert len(result.err.splitlines()) == 1
        assert result.err.startswith("Error: ")


# Queues


def test_queues_are_listed(place: Place) -> None:
    """What waits, what runs, since when, and what is paused, also where it is empty."""
    place.add(queue="high")
    place.add(queue="high")
    place.hold("high")
    assert place.qtasks("queue", "pause", "low").out == "paused: low\n"
    high, low = place.data("queue", "list")
    assert 0 <= high.pop("age") < 60
    assert high == {"name": "high", "ready": 1, "delayed": 0, "running": 1, "dead": 0, "paused": False}
    empty = {"ready": 0, "delayed": 0, "running": 0, "age": None}
    assert low == {"name": "low", **empty, "dead": 0, "paused": True}
    lines = place.qtasks("queue", "list").out.splitlines()
    assert lines[0].split() == ["QUEUE", "READY", "DELAYED", "RUNNING", "OLDEST", "DEAD", "STATE"]
    assert [line.split()[::6] for line in lines[1:]] == [["high", "open"], ["low", "paused"]]


def test_no_queue_is_said_in_words(place: Place) -> None:
    """An empty place is an empty array, or a sentence."""
    assert place.data("queue", "list") == []
    assert place.qtasks("queue", "list").out == "no queue holds anything\n"


def test_queues_are_paused_and_opened(place: Place) -> None:
    """Several at once; workers learn of it from the place that the app reads too."""
    assert place.data("queue", "pause", "high", "low") == {"queues": ["high", "low"], "paused": True}
    assert place.run(lambda app: app.queues.paused()) == {"high", "low"}
    assert place.data("queue", "resume", "high") == {"queues": ["high"], "paused": False}
    assert place.qtasks("queue", "resume", "low").out == "open: low\n"
    assert place.run(lambda app: app.queues.paused()) == frozenset()


def test_a_purge_cancels_what_waits(place: Place) -> None:
    """With `--yes` without a question; what a worker holds stays."""
    kept, waits = place.add(queue="high"), place.add(queue="high")
    assert place.hold("high") == kept
    assert place.data("queue", "purge", "high", "empty", "--yes") == {"high": 1, "empty": 0}
    assert (place.status(waits), place.status(kept)) == ("cancel", "process")
    assert place.qtasks("queue", "purge", "high", "--yes").out == "high: 0 cancelled\n"


def test_a_peek_shows_the_next_ones(place: Place) -> None:
    """In their order, at most so many, and they stay where they are."""
    first, second = place.add(queue="high"), place.add(queue="high")
    assert [task["id"] for task in place.data("queue", "peek", "high")] == [first, second]
    assert [task["id"] for task in place.data("queue", "peek", "high", "--limit", "1")] == [first]
    assert second in place.qtasks("queue", "peek", "high").out
    assert place.status(first) == "new"


def on_terminal(answer: str, *arguments: str) -> tuple[int, str, str]:
    """Call the command on a terminal, type an answer; return exit code, standard output and the rest."""
    main, side = pty.openpty()
    code = "from qtasks.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.write(main, answer.encode())
        out, err = process.communicate(timeout=30)
    os.close(main)
    os.close(side)
    return process.returncode, out, err


def test_a_purge_asks_on_a_terminal(place: Place) -> None:
    """A no changes nothing and exits with 1; a yes goes on. The question is not on standard output."""
    task = place.add(queue="high")
    call = ("queue", "purge", "high", "--json", *place.options)
    code, out, err = on_terminal("n\n", *call)
    assert (code, out) == (1, "")
    assert "This will cancel everything that waits in high. Go on?" in err
    assert place.status(task) == "new"
    code, out, _ = on_terminal("y\n", *call)
    assert (code, strict(out)) == (0, {"high": 1})
    assert place.status(task) == "cancel"


# Tasks


def test_tasks_are_found(place: Place) -> None:
    """The youngest first; narrowed by status, queue and name; page by page."""
    one, two, three = place.add(), place.add("bill"), place.add(queue="high")
    place.end(TaskStatus.SUCCESS)

    def ids(tasks: list[dict[str, Any]]) -> list[str]:
        return [task["id"] for task in tasks]

    assert ids(place.data("task", "list")) == [three, two, one]
    assert ids(place.data("task", "list", "--status", "success")) == [one]
    both = ("task", "list", "--status", "success", "--status", "new")
    assert ids(place.data(*both)) == [three, two, one]
    assert ids(place.data("task", "list", "--queue", "high")) == [three]
    assert ids(place.data("task", "list", "--task", "bill")) == [two]
    assert ids(place.data("task", "list", "--limit", "2")) == [three, two]
    assert ids(place.data("task", "list", "--limit", "2", "--after", two)) == [one]
    lines = place.qtasks("task", "list").out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        [three, "mail", "new"],
        [two, "bill", "new"],
        [one, "mail", "success"],
    ]
    assert place.qtasks("task", "list", "--task", "nobody").out == "no tasks\n"


ROW = {
    "id", "task", "status", "queue", "priority", "created_at", "due", "started_at", "finished_at",
    "attempts", "losses", "worker", "progress", "note", "reason",
}  # fmt: skip
WHOLE = ROW | {
    "updated_at", "expires_at", "cancel_wished", "unique", "token", "history",
    "args", "kwargs", "result", "failure", "unreadable",
}  # fmt: skip


def test_a_task_is_shown_whole(place: Place) -> None:
    """Arguments, result, times and counters, under keys that do not change."""
    task = place.add("mail", "héllo", 3, late=math.nan, queue="high")
    place.end(TaskStatus.SUCCESS, "high", result=encode_value({"sent": [1, math.inf]}))
    (shown,) = place.data("task", "show", task)
    assert set(shown) == WHOLE
    assert set(place.data("task", "list")[0]) == ROW
    assert (shown["id"], shown["task"], shown["status"]) == (task, "mail", "success")
    assert shown["args"] == ["héllo", 3]
    assert shown["kwargs"] == {"late": {"$float": "nan"}}
    assert shown["result"] == {"sent": [1, {"$float": "inf"}]}
    assert shown["token"] == {"epoch": 1, "attempt": 1, "delivery": 1}
    assert (shown["failure"], shown["unreadable"]) == (None, None)
    text = place.qtasks("task", "show", task).out
    assert '["héllo", 3]' in text
    assert "UTC (0s ago)" in text or "UTC (1s ago)" in text


def test_a_failure_is_shown_without_what_steers_a_terminal(place: Place) -> None:
    """Type, text and traceback, line by line; escape characters as their numbers."""
    task = place.add()
    failure = Failure("builtins.ValueError", "no\x1b[31m", "Traceback:\n  line 2\x07")
    place.end(TaskStatus.ERROR, error=encode_failure(failure))
    (shown,) = place.data("task", "show", task)
    assert shown["failure"] == {
        "type": failure.type,
        "message": failure.message,
        "traceback": failure.traceback,
    }
    text = place.qtasks("task", "show", task).out
    assert "builtins.ValueError: no\\x1b[31m" in text
    assert "\n             Traceback:\n               line 2\\x07" in text
    assert set(text) & {"\x1b", "\x07"} == set()


def test_no_secret_is_shown(place: Place) -> None:
    """Neither of arguments nor of results, in words or as JSON, in an app that does not know the task."""

    async def send(app: QueueTasks) -> list[str]:
        @app.task
        async def login(user: str, password: Annotated[str, Secret]) -> Annotated[str, Secret]:
            return user + password

        tasks = await login.add_task("ann", "hunter2"), await login.add_task("bob", password="hunter3")
        return [task.id for task in tasks]

    ids = place.run(send)
    place.end(TaskStatus.SUCCESS, result=encode_value("hunter4", secret=True))
    for arguments in (("task", "show", *ids), ("task", "list"), ("queue", "peek", "default")):
        for extra in ((), ("--json",)):
            out = place.qtasks(*arguments, *extra).out
            assert "hunter" not in out
            assert "***" in out or arguments[1] != "show"


def test_what_cannot_be_read_is_said(place: Place) -> None:
    """A task whose bytes are no message is shown with all the rest, and why; so is a result."""

    async def send(app: QueueTasks) -> None:
        message = Message(UNKNOWN, "mail", "default", 0, b"\xffno message", time.time())
        assert await app.broker.publish([message]) == {}

    place.run(send)
    place.end(TaskStatus.SUCCESS, result=b"\xff\xfe")
    (shown,) = place.data("task", "show", UNKNOWN)
    assert (shown["args"], shown["kwargs"], shown["result"]) == (None, None, None)
    assert "no result of QTasks" in shown["unreadable"]
    assert "no message" in shown["unreadable"]
    assert "unreadable" in place.qtasks("task", "show", UNKNOWN).out
    assert UNKNOWN in place.qtasks("task", "list").out


@pytest.mark.parametrize("group", ["task", "dead"])
def test_what_is_not_known_is_an_error(place: Place, group: str) -> None:
    """Exit code 1 and a line for each; what is known is shown all the same."""
    task = place.add()
    place.end(TaskStatus.DEAD, reason="nobody wants it")
    result = place.qtasks(group, "show", UNKNOWN, task, "--json")
    assert result.code == 1
    assert (
        result.err
        == f"Error: nobody knows a task with id {UNKNOWN}: never accepted, or its record has expired\n"
    )
    assert [one["id"] for one in strict(result.out)] == [task]
    assert place.data(group, "show", UNKNOWN, code=1) == []
    assert place.qtasks(group, "show", UNKNOWN).out == ""


def test_tasks_are_cancelled(place: Place) -> None:
    """Each is told what became of it; one that had ended, or is not known, makes the exit code 1."""
    held, waits = place.add(), place.add()
    place.hold()
    became = place.data("task", "cancel", waits, held, "--reason", "not wanted")
    assert became == [{"id": waits, "outcome": "ended"}, {"id": held, "outcome": "asked"}]
    assert place.data("task", "show", waits)[0]["reason"] == "not wanted"
    assert place.data("task", "show", held)[0]["cancel_wished"] == "not wanted"
    again = place.qtasks("task", "cancel", waits, UNKNOWN)
    assert (again.code, again.out) == (1, f"{waits}: had ended before\n{UNKNOWN}: is not known\n")


def test_tasks_are_requeued_by_id(place: Place) -> None:
    """Final ones run again; one that has not ended is an error, and so is one that nobody knows."""
    ended, waits = place.add(), place.add()
    place.end(TaskStatus.CANCEL)
    assert place.data("task", "requeue", ended) == {"requeued": 1}
    assert place.status(ended) == "new"
    result = place.qtasks("task", "requeue", waits, UNKNOWN)
    assert (result.code, result.out) == (1, "0 requeued\n")
    assert "nobody knows" in result.err
    assert f"{waits} has not ended, it is new" in result.err


def test_tasks_are_requeued_all_together(place: Place) -> None:
    """By how they ended, `error` where nothing is said, and by queue and name; over many pages."""
    ids = [place.add(queue="high"), place.add("bill"), place.add()]
    place.end(TaskStatus.ERROR, "high")
    place.end(TaskStatus.ERROR)
    place.end(TaskStatus.CANCEL)
    assert place.data("task", "requeue", "--all", "--queue", "nowhere") == {"requeued": 0}
    assert place.data("task", "requeue", "--all", "--task", "bill") == {"requeued": 1}
    assert place.qtasks("task", "requeue", "--all", "--status", "cancel").out == "1 requeued\n"
    assert [place.status(one) for one in ids] == ["error", "new", "new"]
    assert place.data("task", "requeue", "--all", "--queue", "high") == {"requeued": 1}


def test_requeue_of_more_than_a_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page, and each task once."""
    monkeypatch.setattr("qtasks.cli.tasks.PAGE", 2)
    for _ in range(5):
        place.add()
    for _ in range(5):
        place.end(TaskStatus.ERROR)
    assert place.data("task", "requeue", "--all") == {"requeued": 5}
    assert place.data("counts")["new"] == 5


# Dead letters


@pytest.fixture
def dead(place: Place) -> list[str]:
    """Three dead tasks: `mail` of `high`, `bill` and `mail` of `default`."""
    ids = [place.add(queue="high"), place.add("bill"), place.add()]
    place.end(TaskStatus.DEAD, "high", reason="no worker knew the task")
    for _ in range(2):
        place.end(TaskStatus.DEAD, reason="it ended its workers")
    return ids


def test_dead_tasks_are_listed(place: Place, dead: list[str]) -> None:
    """With the reason; narrowed by queue and name."""
    place.add()
    mail, bill, last = dead
    assert [one["id"] for one in place.data("dead", "list")] == [last, bill, mail]
    assert [one["id"] for one in place.data("dead", "list", "--queue", "high")] == [mail]
    assert [one["id"] for one in place.data("dead", "list", "--task", "bill")] == [bill]
    assert [one["id"] for one in place.data("dead", "list", "--limit", "1")] == [last]
    assert "no worker knew the task" in place.qtasks("dead", "list").out


def test_only_dead_tasks_are_shown_as_dead(place: Place, dead: list[str]) -> None:
    """Another one is an error that says how it is."""
    waits = place.add()
    result = place.qtasks("dead", "show", dead[0], waits)
    assert result.code == 1
    assert result.err == f"Error: {waits} is not dead, it is new\n"
    assert "no worker knew the task" in result.out
    assert place.data("dead", "show", dead[0]) == place.data("task", "show", dead[0])


def test_dead_tasks_are_requeued(place: Place, dead: list[str]) -> None:
    """By id, or all of them, or all of a queue or name."""
    mail, bill, last = dead
    assert place.data("dead", "requeue", mail) == {"requeued": 1}
    assert place.data("dead", "requeue", mail, code=1) == {"requeued": 0}
    assert place.data("dead", "requeue", "--all", "--queue", "high") == {"requeued": 0}
    assert place.data("dead", "requeue", "--all", "--task", "bill") == {"requeued": 1}
    assert place.qtasks("dead", "requeue", "--all").out == "1 requeued\n"
    assert [place.status(one) for one in (mail, bill, last)] == ["new", "new", "new"]


def test_dead_tasks_are_removed(place: Place, dead: list[str]) -> None:
    """By id, or all of them, or all of a queue or name; what is not dead stays."""
    mail, bill, _ = dead
    waits = place.add()
    assert place.data("dead", "purge", mail, waits, "--yes", code=1) == {"purged": 1}
    assert place.data("dead", "purge", "--all", "--queue", "high", "--yes") == {"purged": 0}
    assert place.data("dead", "purge", "--all", "--task", "mail", "--yes") == {"purged": 1}
    assert [one["id"] for one in place.data("task", "list")] == [waits, bill]
    assert place.qtasks("dead", "purge", "--all", "--yes").out == "1 removed\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--all",), "remove all dead tasks for good"),
        (("--all", "--queue", "high"), "remove all dead tasks of queue high for good"),
        (("--all", "--task", "bill"), "remove all dead tasks named bill for good"),
        ((UNKNOWN,), "remove 1 dead tasks for good"),
    ],
)
def test_a_purge_of_dead_tasks_says_what_it_would_do(
    place: Place, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal it is refused, and nothing is removed."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    result = place.qtasks("dead", "purge", *arguments)
    assert result.code == 2
    assert words in result.err


# Workers and numbers


def test_workers_are_listed(place: Place) -> None:
    """Who, where, since when, what it takes and what it knows."""
    assert place.data("worker", "list") == []
    assert place.qtasks("worker", "list").out == "no worker is alive\n"
    info = place.announce()
    (shown,) = place.data("worker", "list")
    assert shown.pop("started_at").endswith("+00:00")
    assert shown == {
        "id": info.id,
        "host": info.host,
        "pid": os.getpid(),
        "slots": 7,
        "queues": ["default", "high"],
        "tasks": ["mail"],
    }
    line = place.qtasks("worker", "list").out.splitlines()[1].split()
    assert line[:5] == [info.id, info.host, str(os.getpid()), "7", "1"]
    assert line[-1] == "default,high"


def test_ping_asks_for_a_worker(place: Place) -> None:
    """Without one the exit code is 1; `--backend` asks only whether the backend answers."""
    assert place.data("ping", code=1) == {"ok": False, "backend": True, "workers": 0}
    assert place.data("ping", "--backend") == {"ok": True, "backend": True, "workers": 0}
    place.announce()
    assert place.data("ping") == {"ok": True, "backend": True, "workers": 1}
    assert place.qtasks("ping").out == "the backend answers, 1 workers are alive\n"


def test_counts_tell_every_status(place: Place) -> None:
    """Also those that nothing is in, and all together."""
    place.add()
    place.add()
    place.end(TaskStatus.ERROR)
    counted = place.data("counts")
    assert list(counted) == [*map(str, TaskStatus), "total"]
    assert {name: number for name, number in counted.items() if number} == {"new": 1, "error": 1, "total": 2}
    lines = [line.split() for line in place.qtasks("counts").out.splitlines()]
    assert lines[0] == ["STATUS", "TASKS"]
    assert ["error", "1"] in lines


# Stats


def test_stats_now_tell_everything_at_once(place: Place) -> None:
    """Numbers, queues and workers, under the keys of the commands of their own."""
    place.add(queue="high")
    place.announce()
    live: dict[str, Any] = place.data("stats", "now")
    assert live["counts"] == place.data("counts")
    assert [queue["name"] for queue in live["queues"]] == ["high"]
    assert live["workers"] == place.data("worker", "list")
    text = place.qtasks("stats", "now").out
    assert {"STATUS", "QUEUE", "WORKER"} <= set(text.split())


def test_stats_inspect_describes_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app, one task, several, all of them: in words, and as JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Folder(tmp_path).app("inspected")
    app = ("-A", "inspected:app")
    assert strict(qtasks("stats", "inspect", "app", *app, "--json").out)["tasks"] == ["add"]
    for task in (("stats", "inspect", "task", "add"), ("stats", "inspect", "tasks")):
        assert [one["name"] for one in strict(qtasks(*task, *app, "--json").out)] == ["add"]
    assert "name                       shop\n" in qtasks("stats", "inspect", "app", *app).out
    one = qtasks("stats", "inspect", "task", "add", *app).out
    assert "signature                  (a: int, b: int) -> int\n" in one
    assert qtasks("stats", "inspect", "tasks", *app).out == one
    missing = qtasks("stats", "inspect", "task", "ad", *app)
    sys.modules.pop("inspected", None)
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "Error: the app 'shop' has no task 'ad'; did you mean 'add'?\n"


def test_stats_inspect_of_an_app_that_is_not_imported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a name, a place and settings; tasks are known only to who imports them."""
    shown = place.data("stats", "inspect", "app")
    assert (shown["name"], shown["place"], shown["tasks"]) == ("shop", place.url, [])
    monkeypatch.setenv("QTASKS_URL", place.url)
    for words in (("task", "mail"), ("tasks",)):
        refused = qtasks("stats", "inspect", *words)
        assert (refused.code, refused.out) == (2, "")
        assert "tasks are described where they are defined: give -A module:app" in refused.err
        assert "No such option" in qtasks("stats", "inspect", *words, "--url", place.url).err


def test_stats_inspect_of_an_app_without_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No task is an empty array, or a sentence."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    source = "from qtasks.asyncio import QueueTasks\napp = QueueTasks('shop', 'memory://')\n"
    Folder(tmp_path).write("without_tasks.py", source)
    call = ("stats", "inspect", "tasks", "-A", "without_tasks:app")
    assert strict(qtasks(*call, "--json").out) == []
    assert qtasks(*call).out == "no tasks are registered\n"
    sys.modules.pop("without_tasks", None)


def test_doctor_looks_at_the_app_of_a_name(place: Place) -> None:
    """`--name` is the app whose tasks are counted; its advice names commands that exist."""
    place.add()
    place.end(TaskStatus.DEAD, reason="for a test")
    checks = place.data("doctor")["checks"]
    assert any(check["text"].startswith("app 'shop'") for check in checks)
    assert any("qtasks dead list" in check["hint"] for check in checks)
