# One image a process, from the same lock files as everywhere else: `docker build --target api|worker|exporter .`
# `--build-arg REVISION=$(git rev-parse HEAD)` puts the commit into ml_build_info and into every model's lineage.
# The maintenance process runs from the worker's image, the migration from the API's.
FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app PATH=/opt/venv/bin:$PATH
# A new named volume takes the owner of the directory below it: /data belongs to the user that every process runs as.
RUN useradd --system --uid 10001 --no-create-home --home-dir /app app \
    && mkdir /app && mkdir -m 700 /data && chown app:app /data
WORKDIR /app

# Wheels only, so no stage needs a compiler; pip itself stays behind in the builder.
FROM base AS builder
RUN python -m venv --without-pip /opt/venv
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:

FROM builder AS api-packages
COPY requirements/api.txt requirements/
RUN /usr/local/bin/python -m pip --python /opt/venv/bin/python install --require-hashes -r requirements/api.txt

FROM builder AS worker-packages
COPY requirements/worker.txt requirements/
RUN /usr/local/bin/python -m pip --python /opt/venv/bin/python install --require-hashes -r requirements/worker.txt

FROM builder AS dask-packages
COPY requirements/dask.txt requirements/
RUN /usr/local/bin/python -m pip --python /opt/venv/bin/python install --require-hashes -r requirements/dask.txt

FROM builder AS exporter-packages
COPY requirements/exporter.txt requirements/
RUN /usr/local/bin/python -m pip --python /opt/venv/bin/python install --require-hashes -r requirements/exporter.txt

FROM base AS api
COPY --from=api-packages /opt/venv /opt/venv
COPY ml_training ml_training
ARG REVISION=unknown
RUN echo "$REVISION" > ml_training/REVISION
USER app
EXPOSE 8000
CMD ["python", "-m", "ml_training.api"]

FROM base AS worker
# LightGBM's wheel brings no OpenMP runtime of its own.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=worker-packages /opt/venv /opt/venv
COPY ml_training ml_training
COPY workers workers
ARG REVISION=unknown
RUN echo "$REVISION" > ml_training/REVISION
USER app
CMD ["python", "-m", "workers"]

# `--target dask`: a worker that also submits to a Dask cluster, and the cluster's scheduler and workers themselves.
FROM worker AS dask
COPY --from=dask-packages /opt/venv /opt/venv

FROM base AS exporter
COPY --from=exporter-packages /opt/venv /opt/venv
COPY ml_training ml_training
COPY exporter exporter
ARG REVISION=unknown
RUN echo "$REVISION" > ml_training/REVISION
USER app
EXPOSE 8012
CMD ["python", "-m", "exporter"]
