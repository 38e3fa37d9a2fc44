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


def commands(document: str) -> list[list[str]]:
    """Return what the document tells to type."""
    return [words for block in blocks(document) if block.language == "sh" for words in block.commands]


def worker_of(document: str) -> list[str]:
    """Return the command that starts a worker."""
    (worker,) = [words for words in commands(document) if words[0] == "qtasks" and "run" in words]
    return worker


def others_of(document: str) -> list[list[str]]:
    """Return the other uses of the command `qtasks`."""
    return [words for words in commands(document) if words[0] == "qtasks" and "run" not in words]


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
        for words in others_of(document):
            assert reader.run(*words)


@pytest.mark.parametrize("document", READMES)
def test_each_command_is_one_that_is_tested(document: str) -> None:
    """A command that nobody runs here or in `tests/acceptance` does not get in."""
    for words in commands(document):
        if words[0] in SCRIPTS:
            assert os.access(ROOT / words[0], os.X_OK), words
        else:
            assert words in [INSTALL, worker_of(document), *others_of(document)]


@pytest.mark.parametrize("document", READMES)
def test_each_program_has_a_name(document: str) -> None:
    """A block without one would not be run."""
    for block in blocks(document):
        assert block.language == "sh" or (block.language == "python" and block.file), block.text


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
    found = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    ]
    return [(page, link) for page, link in found if "://" not in link]


def test_each_link_leads_somewhere() -> None:
    """Pages and files that the documents link to are there."""
    assert links()
    assert [
        f"{page.relative_to(ROOT)}: {link}" for page, link in links() if not (page.parent / link).exists()
    ] == []
