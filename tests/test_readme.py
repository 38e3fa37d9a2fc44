"""Every block of code of the readmes runs, and prints what its comments say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from readme import ROOT, Reader, blocks

READMES = ["README.md", "README.ru.md", "docs/quickstart.md", "docs/quickstart.ru.md"]
SCRIPTS = {"scripts/demo", "scripts/test"}
INSTALL = ["pip", "install", ".[cli]", "./qtasks_sqlite"]
"""Run by `tests/acceptance/test_install.py`."""


def worker_of(document: str) -> list[str]:
    """Return the command that starts a worker."""
    commands = [words for block in blocks(document) if block.language == "sh" for words in block.commands]
    (worker,) = [words for words in commands if words[0] == "qtasks" and "run" in words]
    return worker


@pytest.mark.parametrize("document", READMES)
def test_the_programs_print_what_the_comments_say(document: str, tmp_path: Path) -> None:
    """The app, its worker from the command, and each client."""
    reader = Reader(tmp_path, Path(sys.executable).parent)
    reader.write(document)
    clients = [block for block in blocks(document) if block.file and block.says]
    assert clients

    with reader.working(*worker_of(document)):
        for client in clients:
            assert client.file is not None
            assert reader.run("python", client.file).splitlines() == client.says


@pytest.mark.parametrize("document", READMES)
def test_each_command_is_one_that_is_tested(document: str) -> None:
    """A new command in a document needs a test here."""
    for block in blocks(document):
        assert block.language in {"sh", "python"}
        assert block.language == "sh" or block.file, f"give the block a name in its first line:\n{block.text}"
        for words in block.commands if block.language == "sh" else ():
            if words[0] in SCRIPTS:
                assert os.access(ROOT / words[0], os.X_OK), words
            else:
                assert words in (worker_of(document), INSTALL), words


@pytest.mark.parametrize("document", ["README.md", "README.ru.md"])
def test_the_two_commands_come_first(document: str) -> None:
    """What proves the project is the first thing that a reader sees."""
    assert [words[0] for words in blocks(document)[0].commands] == ["scripts/demo", "scripts/test"]


@pytest.mark.parametrize(("english", "russian"), [READMES[:2], READMES[2:]])
def test_both_languages_show_the_same_code(english: str, russian: str) -> None:
    """But for the comments."""

    def code(document: str) -> list[str]:
        return [re.sub(r" +#.*", "", block.text) for block in blocks(document)]

    assert code(english) == code(russian)


def links() -> list[tuple[Path, str]]:
    """Return each link between pages of the project, with the page it is on."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("qtasks_*/*.md")]
    found = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))]
    return [(page, link) for page, link in found if "://" not in link]


def test_each_link_leads_somewhere() -> None:
    """Pages and files that the documents link to are there."""
    assert links()
    assert [f"{page.relative_to(ROOT)}: {link}" for page, link in links() if not (page.parent / link).exists()] == []
