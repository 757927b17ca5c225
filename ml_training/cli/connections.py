"""The command `ml-training connections`."""

from ml_training.cli.result_printer import AsJson, result_printer
from ml_training.cli.service import connect

COLUMNS = {"name": "name", "kind": "kind"}


def connections(as_json: AsJson = False) -> None:
    """List the databases that `datasets add --connection` may use; the service knows their addresses.

    Example: ml-training connections
    """
    with result_printer(as_json) as printer, connect() as client:
        printer.items(client.datasets.connections(), COLUMNS)
