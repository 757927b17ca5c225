"""Every command on every page is typed in, in the order of the page, into a service that `make run` has started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.page_blocks import commands_of, read_page
from tests.support.stack_process import PROGRAM, StackProcess, start_stack

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
OWN_TEST = {"flights", "use-a-model"}  # what their commands do is looked at: test_flights.py, test_use_a_model_page.py
# In the order of a reader; the README names ids of the sample run, so it is read first.
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "README.de.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.stem not in OWN_TEST and commands_of(page)
]


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


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_each_command_of_a_page_works_as_it_is_written(page: Path, folder: Path, stack: StackProcess) -> None:
    read_page(page, folder, stack)
