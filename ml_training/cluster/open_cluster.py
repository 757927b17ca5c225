"""The one place that makes the cluster of the settings; nothing is connected."""

from ml_training.cluster.dask_cluster import DaskCluster, Tls
from ml_training.settings import Settings


def open_cluster(settings: Settings) -> DaskCluster | None:
    """The Dask cluster of this service; None when no scheduler is set."""
    if not settings.dask_scheduler:
        return None
    files = Tls(settings.dask_tls_ca_file, settings.dask_tls_cert_file, settings.dask_tls_key_file)
    return DaskCluster(settings.dask_scheduler, files)
