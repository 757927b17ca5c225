"""`python -m workers`: a worker of the fleet; `python -m workers maintenance`: the loops that keep the queue moving."""

import sys

from ml_training.process.private_files import keep_private
from ml_training.settings import SettingsError, read_settings


def main(arguments: list[str]) -> int:
    """Run one of the two; exit status 2 with one line for a wrong command, setting or database."""
    if arguments not in ([], ["maintenance"]):
        sys.stderr.write("usage: python -m workers [maintenance]\n")
        return 2
    try:
        settings = read_settings()
        keep_private(settings.data_dir)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments:
        from workers.maintenance import run_maintenance

        return run_maintenance(settings)
    from workers.run_worker import run_worker

    return run_worker()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
