"""What a DRIFT job needs beside its own data set: the rows that its model was trained on."""

from collections.abc import Iterable

from sqlalchemy import Connection

from ml_training.db import datasets
from ml_training.domain.errors import FieldError
from ml_training.domain.records import Model


def deleted_training_data(connection: Connection, models: Iterable[Model]) -> list[FieldError]:
    """An error for each model whose training data set is deleted.

    A job that is accepted before the deletion still runs: the bytes stay as long as the model.
    """
    return [
        FieldError(
            "/model_id",
            f"data set {model.dataset_id}, which model {model.id} was trained on, is deleted: add its file again, "
            "train a model on it, and name that one",
        )
        for model in models
        if datasets.get_dataset(connection, model.dataset_id) is None
    ]
