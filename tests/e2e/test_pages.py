"""Every command on every page is typed in, in the order of the page, into a service that `make run` has started."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.page_blocks import RUN_LANGUAGES, Block, Reader, blocks_of, reader
from tests.support.stack_process import PROGRAM, StackProcess, start_stack

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# In the order of a reader; the README names ids of the sample run, so it is read first.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
API, EXPORTER = "http://127.0.0.1:8000", "http://127.0.0.1:8012"
REFUSED = re.compile(r'"status": ?(4|5)\d\d\b|"type": ?"urn:ml-training:problem')


def blocks_to_run(page: Path) -> list[Block]:
    """The blocks of a page that are commands, those with a reason against it left out."""
    return [block for block in blocks_of(page) if block.language in RUN_LANGUAGES and block.not_run is None]


WITH_COMMANDS = [page for page in PAGES if blocks_to_run(page)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project as the reader has it: the pages, their data, the environment."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / ".venv").symlink_to(PROGRAM.parents[1])
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[StackProcess]:
    """The service as after `make run`: ready, with the sample run done."""
    with start_stack(folder / "var", "--sample") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="module")
def typist(folder: Path, stack: StackProcess) -> Iterator[Reader]:
    api, exporter = stack.urls
    texts = {API: api.removesuffix("/api/v1"), EXPORTER: exporter}
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    with reader(folder, texts=texts, PATH=path) as typist:
        yield typist


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=[page.stem for page in WITH_COMMANDS])
def test_each_command_of_a_page_works_as_it_is_written(page: Path, typist: Reader) -> None:
    for block in blocks_to_run(page):
        status, output = typist.run(block)
        where = f"{page.name}, line {block.line}:\n{block.code}\n{output}"
        assert status == 0, where
        assert not REFUSED.search(output), where
