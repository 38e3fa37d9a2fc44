"""What is installed is found, and what is broken, missing or offered twice is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import installed
import pytest
from installed import Site

from qtasks import discovery
from qtasks.backends import Backend
from qtasks.errors import (
    BackendConflict,
    BackendError,
    BackendNotFound,
    ConfigError,
    PluginError,
    PluginNotFound,
)
from qtasks.urls import scheme_of, shown

SECRET = "p/a#s@s:w%2F[d"

BACKEND_SOURCE = """
from qtasks.backends import Backend, Limits
make = lambda **settings: None
BACKEND = Backend(
    name="nats", broker=make, storage=make, global_config=make, limits=Limits(durable=True, shared=True)
)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return an empty folder of distributions that is on the path of imports."""
    with installed.site(tmp_path) as made:
        yield made


@pytest.fixture
def core_alone(tmp_path: Path) -> Iterator[Site]:
    """Return the same, where nothing else of QTasks is installed."""
    with installed.site(tmp_path, alone=True) as made:
        made.install("qtasks", discovery.SCHEMES, memory="qtasks.memory:BACKEND")
        yield made


def test_the_built_in_backend_is_an_entry_point() -> None:
    """`memory://` is served by what the distribution qtasks declares, as any other backend is."""
    assert discovery.find(discovery.SCHEMES)["memory"].distributions == ("qtasks",)
    assert discovery.backend_for("memory://").limits.shared is False


def test_a_scheme_leads_to_its_backend(site: Site) -> None:
    """An installed distribution serves its scheme, whatever the case in which the user writes it."""
    site.install("qtasks-nats", "qtasks.schemes", nats="fake_nats:BACKEND")
    site.module("fake_nats", BACKEND_SOURCE)
    backend = discovery.backend_for("NATS://host:4222")
    assert isinstance(backend, Backend)
    assert backend.name == "nats"


def test_nothing_is_imported_by_looking(site: Site) -> None:
    """`find` reads metadata only; the package itself is imported by `load`."""
    site.install("lazy", "qtasks.serializers", lazy="fake_lazy:VALUE")
    site.module("fake_lazy", "VALUE = 7")
    assert "lazy" in discovery.find(discovery.SERIALIZERS)
    assert "fake_lazy" not in sys.modules
    assert discovery.load(discovery.SERIALIZERS, "lazy") == 7


def test_two_distributions_with_one_name_are_refused_with_both_names(site: Site) -> None:
    """A conflict names both owners, and only who asks for that name sees it."""
    site.install("alpha", "qtasks.schemes", twin="fake_nats:BACKEND")
    site.install("beta", "qtasks.schemes", twin="fake_nats:BACKEND", single="fake_nats:BACKEND")
    site.module("fake_nats", BACKEND_SOURCE)
    with pytest.raises(BackendConflict, match="alpha and beta both offer 'twin'"):
        discovery.backend_for("twin://")
    assert discovery.backend_for("single://").name == "nats"


def test_a_broken_package_is_named_and_leaves_the_others_alone(site: Site) -> None:
    """The error of an import carries the distribution that owns it; its neighbour works."""
    site.install("crooked", "qtasks.schemes", crooked="fake_crooked:BACKEND")
    site.install("straight", "qtasks.schemes", straight="fake_nats:BACKEND")
    site.module("fake_crooked", "raise ZeroDivisionError('no driver')")
    site.module("fake_nats", BACKEND_SOURCE)
    with pytest.raises(BackendError, match=r"distribution crooked .* ZeroDivisionError: no driver") as caught:
        discovery.backend_for("crooked://")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert discovery.backend_for("straight://").name == "nats"


def test_what_is_no_backend_is_refused_with_its_owner(site: Site) -> None:
    """A scheme that leads to some other object names the distribution and the type."""
    site.install("wrong", "qtasks.schemes", wrong="fake_wrong:BACKEND")
    site.module("fake_wrong", "BACKEND = 'text'")
    with pytest.raises(BackendError, match="wrong offers for wrong:// a str"):
        discovery.backend_for("wrong://")


def test_plugins_have_errors_of_their_own(site: Site) -> None:
    """A missing or broken plugin is a PluginError, which says so by its class."""
    site.install("crooked", "qtasks.plugins", crooked="fake_crooked")
    site.module("fake_crooked", "raise ZeroDivisionError")
    with pytest.raises(PluginError, match="crooked"):
        discovery.load(discovery.PLUGINS, "crooked")
    with pytest.raises(PluginNotFound, match=r"'croked' in qtasks\.plugins; did you mean 'crooked'"):
        discovery.load(discovery.PLUGINS, "croked")
    with pytest.raises(BackendNotFound, match=r"'yaml' in qtasks\.serializers"):
        discovery.load(discovery.SERIALIZERS, "yaml")


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("redis://h", "redis"),
        ("rediss://h", "redis"),
        ("unix:///s.sock", "redis"),
        ("redis+sentinel://a,b/main", "redis"),
        ("redis+cluster://h", "redis"),
        ("valkey://h", "redis"),
        ("amqp://h", "rabbitmq"),
        ("amqps://h", "rabbitmq"),
        ("sqlite:///x.db", "sqlite"),
    ],
)
@pytest.mark.usefixtures("core_alone")
def test_a_scheme_of_the_project_says_what_to_install(url: str, extra: str) -> None:
    """Without its package, the error names the scheme, what was found, and the command."""
    with pytest.raises(BackendNotFound) as caught:
        discovery.backend_for(url)
    scheme = url.partition("://")[0]
    assert str(caught.value) == (
        f'no installed package serves {scheme}:// URLs (found: memory); pip install "qtasks[{extra}]"'
    )


def test_a_misspelt_scheme_gets_the_nearest_one(site: Site) -> None:
    """A scheme that nobody knows is answered with the nearest that is installed."""
    site.install("qtasks-nats", "qtasks.schemes", nats="fake_nats:BACKEND")
    with pytest.raises(BackendNotFound, match=r"serves natz:// URLs .*did you mean 'nats'\?"):
        discovery.backend_for("natz://")


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@host:6379/0",
        "redis://user:12/secret@host:6379",
        "redis://user:12#secret@host",
        "redis://user:12?secret@host",
        "redis://:se@cret@host",
        "redis://:secret%@host",
        "redis://:se[cret@host",
        "redis://:se cret@host",
        "redis://:secret",
        "redis://host:99999",
        "amqp://host:port",
        "amqp://user:secret@host:56 72/",
        "secret@host",
        "://secret@host",
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    """Special characters that move the border of the host are refused, and no password is shown."""
    with pytest.raises(ConfigError) as caught:
        scheme_of(url)
    assert "secret" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{quote(SECRET, safe='')}@host:6379/0",
        "amqp://user:a:b@host/%2F",
        "redis://[::1]:6379/0",
        "redis+sentinel://:x@one:26379,two:26379/main",
        "unix://user:x@/run/redis.sock?db=1",
        "sqlite:///a b/c@d#e%.db",
        "sqlite:///C:/data/tasks.db",
        "memory://",
        "memory://shared",
    ],
)
def test_a_well_formed_url_has_its_scheme(url: str) -> None:
    """Encoded passwords, several hosts, IPv6 and any path of a file are accepted."""
    assert scheme_of(url) == url.partition("://")[0]


def test_a_text_without_scheme_is_shown() -> None:
    """The usual slip, a bare host, is shown back together with the right form."""
    with pytest.raises(ConfigError, match=r"begins with a scheme, .* not 'localhost:6379'"):
        scheme_of("localhost:6379")
    with pytest.raises(ConfigError, match=r"not [A-Z][a-z]+Path"):
        scheme_of(Path("x.db"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://:se/c@ret@host", "redis://:***@host"),
        ("redis://host/0?password=secret&db=1", "redis://host/0?password=***&db=1"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("redis://host:6379/0", "redis://host:6379/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, safe: str) -> None:
    """What goes into logs has stars in place of the password and is complete otherwise."""
    assert shown(url) == safe


def test_the_default_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment decides; without it, or with an empty value, it is a file beside the program."""
    monkeypatch.delenv("QTASKS_URL", raising=False)
    assert discovery.default_url() == "sqlite:///qtasks.db"
    monkeypatch.setenv("QTASKS_URL", "")
    assert discovery.default_url() == "sqlite:///qtasks.db"
    monkeypatch.setenv("QTASKS_URL", "memory://")
    assert discovery.default_url() == "memory://"


def test_the_module_itself_costs_no_metadata() -> None:
    """Importing discovery imports neither importlib.metadata nor a backend."""
    code = (
        "import sys, qtasks.discovery\n"
        "late = {'importlib.metadata', 'qtasks.memory', 'qtasks_sqlite', 'aiosqlite'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
