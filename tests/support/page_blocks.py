"""The code blocks of a page of the documentation, and a reader who types them in: one shell and one Python."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.stack_process import PROGRAM, StackProcess

RUN_LANGUAGES = ("sh", "python")
API, EXPORTER = "http://127.0.0.1:8000", "http://127.0.0.1:8012"  # as the pages write them
REFUSED = re.compile(r'"status": ?(4|5)\d\d\b|"type": ?"urn:ml-training:problem')
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.{10,}?) -->\n$")
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
# Runs each JSON line of its input as a block and answers with a JSON line: [exit status, output].
_PYTHON_READER = """
import contextlib, io, json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    output, status = io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            exec(compile(json.loads(line), "<page>", "exec"), names)
        except BaseException:
            traceback.print_exc()
            status = 1
    print(json.dumps([status, output.getvalue()]), flush=True)
"""
# A shell for each block, so that a failing command ends the block; the variables go to the next one through a file.
_SHELL_READER = r"""
import json, subprocess, sys, tempfile
with tempfile.NamedTemporaryFile() as variables:
    for line in sys.stdin:
        keep = f"trap 'export -p > {variables.name}' EXIT"
        code = f"set -e -a -o pipefail; . {variables.name}; {keep}\n{json.loads(line)}"
        done = subprocess.run(
            ["bash", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(json.dumps([done.returncode, done.stdout]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code; `not_run` is the reason why a test cannot run it, from the comment above it."""

    language: str
    code: str
    line: int
    not_run: str | None


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order, those in other languages too."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        before = NOT_RUN.search(text[: found.start()])
        yield Block(
            language=found["language"],
            code=found["code"],
            line=text.count("\n", 0, found.start()) + 1,
            not_run=before["reason"] if before else None,
        )


class Reader:
    """Types the blocks of pages into one shell and one Python, which keep their variables."""

    def __init__(self, interpreters: Mapping[str, "subprocess.Popen[str]"], texts: Mapping[str, str]) -> None:
        self._interpreters = interpreters
        self._texts = texts

    def run(self, block: Block) -> tuple[int, str]:
        """(exit status, output) of a block; the documented addresses become those of the running service."""
        code = block.code
        for documented, actual in self._texts.items():
            code = code.replace(documented, actual)
        process = self._interpreters[block.language]
        _stream(process.stdin).write(json.dumps(code) + "\n")
        _stream(process.stdin).flush()
        answer = _stream(process.stdout).readline()
        assert answer, f"the {block.language} of the reader ended in:\n{code}"
        status, output = json.loads(answer)
        return status, output


@contextmanager
def reader(directory: Path, *, texts: Mapping[str, str], **environment: str) -> Iterator[Reader]:
    """A reader who works in `directory`; `texts`: documented texts and what stands for them here."""
    environment = {**os.environ, **environment}
    with (
        _interpreter(_SHELL_READER, directory, environment) as shell,
        _interpreter(_PYTHON_READER, directory, environment) as python,
    ):
        yield Reader({"sh": shell, "python": python}, texts)


def commands_of(page: Path) -> list[Block]:
    """The blocks of a page that are typed in; those with a reason against it are left out."""
    return [block for block in blocks_of(page) if block.language in RUN_LANGUAGES and block.not_run is None]


def read_page(page: Path, folder: Path, stack: StackProcess) -> None:
    """Type in a whole page, in `folder`; each command must succeed, and none may be answered with a problem."""
    api, exporter = stack.urls
    texts = {API: api.removesuffix("/api/v1"), EXPORTER: exporter}
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    with reader(folder, texts=texts, PATH=path, ML_TRAINING_DATA_DIR=str(stack.data_dir)) as typist:
        for block in commands_of(page):
            status, output = typist.run(block)
            where = f"{page.name}, line {block.line}:\n{block.code}\n{output}"
            assert status == 0, where
            assert not REFUSED.search(output), where


def _interpreter(program: str, directory: Path, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=directory, env=environment, stdin=pipe, stdout=pipe, text=True)


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
