"""The URL of a backend: checked before anybody connects, and shown without its password.

A password with `/`, `#` or `@` that is not percent-encoded moves the border between password and
host, so that a client would connect to another host. Such a URL is refused here, for every backend.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from qtasks.errors import ConfigError

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*")
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_HOST: Final = re.compile(r"(\[[0-9a-zA-Z:.%]*\]|[^:\[\]@\s]*)(:(?P<port>\d*))?")
_BAD_IN_CREDENTIALS: Final = re.compile(r"[\[\]\s@]|%(?![0-9a-fA-F]{2})")
_PASSWORD: Final = re.compile(r"(?<=://)([^:/?#@]*):.*@", re.DOTALL)
_PASSWORD_IN_QUERY: Final = re.compile(r"(?<=[?&]password=)[^&#]*")
_HIGHEST_PORT: Final = 65_535


def scheme_of(url: str) -> str:
    """Return the scheme of a well-formed URL, in lower case.

    Raises:
        ConfigError: It is no URL, or its user, password, host or port cannot be told apart. The text
            never shows the password.
    """
    if not isinstance(url, str):
        raise ConfigError(f"a URL is text such as sqlite:///qtasks.db, not {type(url).__name__}")
    scheme, mark, rest = url.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        seen = "" if "@" in url else f", not {url!r}"
        raise ConfigError(f"a URL begins with a scheme, as in sqlite:///qtasks.db{seen}")
    match = _AUTHORITY.match(rest)
    authority = match[0] if match else ""
    if authority:
        _check_authority(scheme, authority, rest[len(authority) :])
    return scheme.lower()


def shown(url: str) -> str:
    """Return the URL as it may be shown and logged: with `***` in place of its password."""
    return _PASSWORD_IN_QUERY.sub("***", _PASSWORD.sub(r"\1:***@", url))


def _check_authority(scheme: str, authority: str, tail: str) -> None:
    credentials, _, hosts = authority.rpartition("@")
    if "@" in tail or _BAD_IN_CREDENTIALS.search(credentials):
        _refuse(scheme, "its user or password has a special character")
    for host in hosts.split(","):
        match = _HOST.fullmatch(host)
        if match is None or int(match["port"] or 0) > _HIGHEST_PORT:
            _refuse(scheme, "its host and port cannot be read")


def _refuse(scheme: str, why: str) -> NoReturn:
    raise ConfigError(
        f"the {scheme}:// URL is malformed: {why}. In user and password write % as %25, / as %2F, "
        f"# as %23, ? as %3F, @ as %40, [ as %5B (urllib.parse.quote(password, safe='') does it)"
    )
