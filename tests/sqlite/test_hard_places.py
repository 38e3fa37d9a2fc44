"""Where a file may be, and what is said of the places where it may not."""

from __future__ import annotations

import os
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.clock import SYSTEM_CLOCK
from qtasks.doctor import Check, Level
from qtasks.errors import BackendRefused, ConfigError, QTasksError
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import BACKEND, AsyncSQLiteBroker, _mounts, _place
from qtasks_sqlite._mounts import Reach, file_system, reach_of
from qtasks_sqlite._url import locate

MOUNTS = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid - proc proc rw
40 22 0:45 / /srv rw,relatime shared:20 - nfs4 filer:/export rw,vers=4.2
41 40 0:46 / /srv/local rw,relatime - xfs /dev/vdb rw
42 22 0:47 / /mnt/the\040share rw,relatime - cifs //filer/share rw
43 22 0:48 / /home rw,relatime - autofs systemd-1 rw,fd=30
44 43 0:49 / /home rw,relatime shared:7 master:2 - fuse.sshfs me@there:/home rw
45 22 0:50 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync
odd line
"""


async def _start(url: str) -> None:
    broker = AsyncSQLiteBroker(url)
    await broker.start(TestSetup(clock=SYSTEM_CLOCK))
    await broker.stop()


async def _problems(url: str) -> list[Check]:
    assert BACKEND.doctor is not None
    return [check async for check in BACKEND.doctor(url) if check.level is not Level.OK]


def _mount(monkeypatch: pytest.MonkeyPatch, folder: Path, kind: str) -> None:
    """Have the list of mounts say that a folder is one of this kind."""
    mounts = folder.parent / f"mounts-{folder.name}"
    mounts.write_text(f"{MOUNTS.strip()}\n50 22 0:60 / {folder} rw - {kind} there rw\n")
    monkeypatch.setattr(_mounts, "_MOUNTED_HERE", mounts)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("our tasks.db", "our tasks.db"),
        ("our%20tasks.db", "our tasks.db"),
        ("what%3F.db", "what?.db"),
        ("no#1.db", "no#1.db"),
        ("no%231.db", "no#1.db"),
        ("100%.db", "100%.db"),
        ("100%25.db", "100%.db"),
        ("задачи-日本-€-😀.db", "задачи-日本-€-😀.db"),
        ("%D0%B7.db", "з.db"),
        ('it\'s "quoted"; DROP.db', 'it\'s "quoted"; DROP.db'),
        ("file:x&mode=ro.db", "file:x&mode=ro.db"),
    ],
)
async def test_any_name_of_a_file_works(tmp_path: Path, written: str, name: str) -> None:
    """Blanks, signs with a meaning in URLs and letters of any language name the file that they say."""
    url = f"sqlite:///{tmp_path}/{written}?synchronous=normal"
    app = QueueTasks("shop", broker_url=url, plugins=False)
    async with app:
        task = await app.add_task("anything", 1)
        assert (await app.read(task.id)) is not None

    assert {file.name for file in tmp_path.iterdir()} <= {name, f"{name}-bell"}
    assert (tmp_path / name).stat().st_size > 0
    assert [check for check in await _problems(url) if check.level is Level.PROBLEM] == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///tasks.db?really", "%3F"),
        ("sqlite:///some/folder/", "names a folder"),
        ("sqlite:///%FF.db", "UTF-8"),
        ("sqlite:///nul%00.db", "names no file"),
    ],
)
def test_url_that_names_no_file_says_what_to_write(url: str, words: str) -> None:
    """A URL that cannot mean a file is refused before anything is opened."""
    with pytest.raises(ConfigError, match=words):
        locate(url)


async def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is an error of ours, not of the path library."""
    (tmp_path / "link").symlink_to("link")

    for name in ("link", "link/tasks.db"):
        with pytest.raises(QTasksError, match="link"):
            await _start(f"sqlite:///{tmp_path}/{name}")


def test_working_directory_that_is_gone_is_refused(script: Any) -> None:
    """A relative path in a folder that was removed is an error that names the URL."""
    code = """
import os, sys
from qtasks.errors import ConfigError
from qtasks_sqlite._url import locate
os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
try:
    locate("sqlite:///tasks.db")
except ConfigError as exc:
    print("sqlite:///tasks.db" in str(exc))
"""
    assert script(code).communicate(timeout=30) == ("True\n", "")


async def test_link_to_a_file_that_is_not_there_yet_works(tmp_path: Path) -> None:
    """A link is followed: the file is made where it points to."""
    (tmp_path / "link.db").symlink_to("real.db")

    await _start(f"sqlite:///{tmp_path}/link.db")

    assert (tmp_path / "real.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("folder", "it is a folder", "name a file in it"),
        ("pipe", "no ordinary file", "choose another path"),
        ("socket", "no ordinary file", "choose another path"),
        ("text/tasks.db", "a file and no folder", "choose another path"),
        ("no/such/tasks.db", "there is no folder", "create it"),
        ("x" * 300, "too long", ""),
    ],
)
async def test_place_that_can_have_no_file_is_refused(
    tmp_path: Path, name: str, words: str, hint: str
) -> None:
    """Start and doctor say at once what is there instead, and leave it as it is."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("notes")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket"))
    before = sorted(tmp_path.rglob("*"))
    url = f"sqlite:///{tmp_path}/{name}"

    with pytest.raises(BackendRefused, match=words):
        await _start(url)
    problems = await _problems(url)

    assert sorted(tmp_path.rglob("*")) == before
    if hint:
        (problem,) = problems
        assert (problem.level, problem.hint) == (Level.PROBLEM, hint)
        assert words in problem.text


STRANGER = """
import asyncio, os, sys
from pathlib import Path
from qtasks.asyncio import QueueTasks
from qtasks.errors import QTasksError
from qtasks_sqlite import BACKEND

async def main(url: str) -> None:
    app = QueueTasks("shop", broker_url=url, plugins=False)
    try:
        async with app:
            await app.add_task("anything")
        print("accepted")
    except QTasksError as exc:
        print(type(exc).__name__, exc)
    async for check in BACKEND.doctor(url):
        if check.level == "problem":
            print("doctor:", check.text, "|", check.hint)

if os.geteuid() == 0:  # root may do everything
    asyncio.run(main("sqlite:///first.db"))  # loads what nobody else may read
    sys.stdout.flush()
    print("---")
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        ({"tasks.db": 0o444}, "may not read and write {}/tasks.db"),
        ({"tasks.db": 0o000}, "may not read and write {}/tasks.db"),
        ({".": 0o555}, "may not make files in {}"),
        ({".": 0o644}, "may not make files in {}"),
        ({"..": 0o600}, "may not enter {}/.."),
    ],
    ids=["read-only file", "secret file", "read-only folder", "closed folder", "closed folder above"],
)
def test_missing_rights_are_named_and_nothing_is_lost(script: Any, modes: dict[str, int], words: str) -> None:
    """Whoever may not write learns which file or folder it is; with the right, the next try works."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        folder = Path(name) / "tasks"
        folder.mkdir()
        folder.chmod(0o777)
        url = f"sqlite:///{folder}/tasks.db"
        script(STRANGER.replace("os.geteuid() == 0", "False"), url).communicate(timeout=30)
        for each, mode in modes.items():
            (folder / each).chmod(mode)

        out, err = script(STRANGER, url).communicate(timeout=30)
        Path(name).chmod(0o777)
        folder.chmod(0o777)
        for file in folder.iterdir():
            file.chmod(0o666)
        again, _ = script(STRANGER, url).communicate(timeout=30)

        said = out.split("---\n")[-1]
        assert err == ""
        assert said.startswith("BackendRefused")
        assert words.format(folder).replace("/tasks/..", "") in said.splitlines()[0]
        assert "doctor:" in said
        assert again.split("---\n")[-1] == "accepted\n"
        with closing(sqlite3.connect(folder / "tasks.db")) as connection:
            assert connection.execute("SELECT count(*) FROM task").fetchone() == (2,)


async def test_too_many_open_files_are_named(script: Any, url: str) -> None:
    """A process that may open no more files is told so."""
    code = """
import asyncio, resource, sys
from qtasks.clock import SYSTEM_CLOCK
from qtasks.errors import BackendRefused
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import AsyncSQLiteBroker

async def main():
    first = AsyncSQLiteBroker("sqlite:///first.db")
    await first.start(TestSetup(clock=SYSTEM_CLOCK))
    import os
    used = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        await AsyncSQLiteBroker(sys.argv[1]).start(TestSetup(clock=SYSTEM_CLOCK))
    except BackendRefused as exc:
        print("ulimit -n" in str(exc))
    await first.stop()

asyncio.run(main())
"""
    assert script(code, url).communicate(timeout=30) == ("True\n", "")


@pytest.mark.parametrize(
    ("folder", "kind", "reach"),
    [
        ("/var/lib/shop", "ext4", Reach.LOCAL),
        ("/srv", "nfs4", Reach.NETWORK),
        ("/srv/deep/er", "nfs4", Reach.NETWORK),
        ("/srv/local/shop", "xfs", Reach.LOCAL),
        ("/srvx", "ext4", Reach.LOCAL),
        ("/mnt/the share/x", "cifs", Reach.NETWORK),
        ("/home/me", "fuse.sshfs", Reach.NETWORK),
        ("/mnt/c/Users", "9p", Reach.SHARED),
    ],
)
def test_file_system_of_a_folder(folder: str, kind: str, reach: Reach) -> None:
    """The nearest mount above a folder counts, and of two at one point the later one."""
    assert file_system(folder, MOUNTS) == kind
    assert reach_of(kind) is reach


def test_file_system_is_unknown_where_nothing_is_told() -> None:
    """Without a list of mounts nothing is claimed, and nothing refused."""
    assert file_system("/srv", "") == ""
    assert reach_of("") is Reach.LOCAL
    assert _place.on_network("/srv/tasks.db", "") == ""


async def test_network_file_system_is_refused(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start and doctor refuse a file that other machines reach as well, and nothing is made there."""
    _mount(monkeypatch, path.parent, "nfs4")

    with pytest.raises(BackendRefused, match=r"network file system \(nfs4\).*move the file to a local disk"):
        await _start(url)

    (problem,) = (check for check in await _problems(url) if "network" in check.text)
    assert (problem.level, "local disk" in problem.hint) == (Level.PROBLEM, True)
    assert not path.exists()


async def test_folder_of_the_host_is_a_warning(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that a virtual machine has from its host works, and the doctor says what to mind."""
    _mount(monkeypatch, path.parent, "virtiofs")

    await _start(url)

    (warning,) = (check for check in await _problems(url) if "shared with the host" in check.text)
    assert warning.level is Level.WARNING
