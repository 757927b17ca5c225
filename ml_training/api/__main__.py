"""`python -m ml_training.api`: starts the API server of this machine."""

import gc
import sys

from ml_training.api.first_key import StartRefused, prepare_keys
from ml_training.api.server import ApiServer
from ml_training.logs import configure_logs, warn_of_settings
from ml_training.process.certificate import server_certificate
from ml_training.process.private_files import keep_private
from ml_training.settings import SettingsError, read_settings, unknown_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    try:
        settings = read_settings()
        keep_private(settings.data_dir)
        certificate = server_certificate(settings)
    except SettingsError as error:
        sys.exit(str(error))
    configure_logs(settings.log_format, settings.log_level)
    warn_of_settings(unknown_settings())
    try:
        prepare_keys(settings)
    except StartRefused as refused:
        sys.exit(str(refused))
    server = ApiServer(settings, certificate)
    gc.collect()
    gc.freeze()  # the collector of a worker process would write to, and so copy, every page that holds an object
    server.run()


if __name__ == "__main__":
    main()
