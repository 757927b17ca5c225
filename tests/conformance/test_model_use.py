"""A downloaded model predicts what the service predicts, and naive use of its file is right or raises."""

import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
import xgboost as xgb

from ml_training.client import load_model
from ml_training.domain.algorithms import CLASSIFICATION_ONLY, ModelType
from ml_training.inference.downloaded_model import DownloadedModel
from ml_training.inference.matrix import LARGEST
from ml_training.selection.index import SelectionIndex
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.reporter import SilentReporter
from ml_training.training.stage_progress import StageProgress
from tests.support.training_data import SMALL, job, trained
from tests.support.user_tables import TABLES, UserTable, ingested

Array = np.ndarray[Any, Any]
IN_EVERY_RUN = {"mixed, two texts", "mixed, four texts", "mixed, huge regression", "windows with groups", "iris"}
CASES = [
    pytest.param(model_type.value, name, marks=() if name in IN_EVERY_RUN else pytest.mark.exhaustive)
    for name, table in TABLES.items()
    for model_type in ModelType
    if not (table().is_regression and model_type in CLASSIFICATION_ONLY)
]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


@dataclass(frozen=True)
class Case:
    """A model, and what the service predicts for the rows of its data set."""

    table: UserTable
    index: SelectionIndex
    service: engine.LoadedModel
    model: DownloadedModel
    artifact: bytes
    values: Array  # numbers, or one column for each class
    labels: list[Any]

    @property
    def frame(self) -> pd.DataFrame:
        return self.table.frame


def service_values(service: engine.LoadedModel, index: SelectionIndex) -> Array:
    rows = np.arange(index.rows)
    progress = StageProgress(SilentReporter())
    return service.predict_rows(index, rows, cores=FixedCores(1), progress=progress).values


def case(directory: Path, model_type: str, name: str) -> Case:
    table = TABLES[name]()
    index = ingested(directory, table, form="csv")
    params = SMALL[model_type] | ({"max_iter": 15} if model_type == "mlp" else {})
    artifact = trained(job(model_type, params=params, **table.spec), index).artifact
    service = engine.load_model(artifact)
    values = service_values(service, index)
    classes = service.schema.classes
    labels = list(values) if classes is None else [classes[code] for code in values.argmax(axis=1)]
    return Case(table, index, service, load_model(artifact), artifact, values, labels)


def same(found: Any, expected: list[Any]) -> bool:
    """Equal values of equal types: the class 1 is not the class true."""
    return found.tolist() == expected and {type(v) for v in found.tolist()} <= {type(v) for v in expected} | {float}


def members(artifact: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(artifact)) as source:
        return {name: source.read(name) for name in source.namelist()}


def naive_pipeline(artifact: bytes) -> Any:
    """As the documentation of skops says."""
    payload = members(artifact)["model.skops"]
    return skops.io.loads(payload, trusted=skops.io.get_untrusted_types(data=payload))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without pandas' own missing value, as pandas reads it from a file."""
    return frame.astype({name: object for name in frame if frame[name].dtype == "boolean"}).replace({pd.NA: np.nan})


def with_known_categories(frame: pd.DataFrame, made: Case) -> pd.DataFrame:
    """Categories that occur in held-out rows only are missing values for the model."""
    known = {feature.name: feature.categories for feature in made.service.schema.features if feature.categories}
    return frame.assign(**{name: frame[name].where(frame[name].isin(texts)) for name, texts in known.items()})


@pytest.mark.parametrize(("model_type", "name"), CASES)
def test_a_downloaded_model_predicts_what_the_service_predicts(tmp_path: Path, model_type: str, name: str) -> None:
    made = case(tmp_path, model_type, name)
    read_by_pandas = pd.read_csv(tmp_path / "data.csv", dtype={"plan": str, "flag": str})
    for table in (made.frame, read_by_pandas, pa.Table.from_pandas(made.frame), made.frame.to_dict("records")):
        assert same(made.model.predict(table), made.labels)
    if made.model.classes is not None and made.service.predictor.probabilistic:
        np.testing.assert_array_equal(made.model.predict_proba(made.frame, threads=2), made.values)
    else:
        with pytest.raises(TypeError, match="has no probabilities"):
            made.model.predict_proba(made.frame)
    if not made.table.has_windows:  # otherwise a row needs the rows before it
        some = [made.model.predict(made.frame.iloc[[row]])[0] for row in range(0, len(made.frame), 23)]
        assert some == made.labels[::23]
        one_by_one = [made.model._values(made.frame.iloc[[row]], None, None, 1)[0] for row in range(9)]
        np.testing.assert_array_equal(one_by_one, made.values[:9])
    check = {"lightgbm": booster_is_right_or_raises, "xgboost": xgboost_is_right_or_raises}
    check.get(model_type, pipeline_is_right_or_raises)(made)


def pipeline_is_right_or_raises(made: Case) -> None:
    pipeline = naive_pipeline(made.artifact)
    frame = with_known_categories(plain(made.frame), made)
    if made.table.has_windows:
        with pytest.raises(ValueError, match="columns are missing"):
            pipeline.predict(frame)
        return
    if made.model.classes is None:
        np.testing.assert_allclose(pipeline.predict(frame), made.values, rtol=1e-12)
    else:
        assert same(pipeline.predict(frame), made.labels)
        assert tuple(pipeline.classes_) == made.model.classes
    if hasattr(pipeline, "predict_proba"):
        np.testing.assert_allclose(pipeline.predict_proba(frame), made.values, rtol=1e-10, atol=1e-15)
        if "coef" not in str(vars(pipeline[-1]).keys()):
            np.testing.assert_array_equal(pipeline.predict_proba(frame), made.values)
    np.testing.assert_array_equal(pipeline.predict(frame.assign(more=1)[[*frame][::-1]]), pipeline.predict(frame))
    columns = list(made.model.columns)
    wrong: list[Any] = [frame[columns].to_numpy(), frame.drop(columns=columns[0]), np.zeros((3, len(columns)))]
    texts = [feature.name for feature in made.service.schema.features if feature.categories]
    wrong += [frame.assign(**{name: 1}) for name in texts]
    wrong += [frame.assign(**{name: frame[name].astype("category").cat.codes}) for name in texts]
    wrong += [frame.assign(**{name: "never seen"}) for name in texts]
    numbers = [name for name in columns if name not in texts]
    wrong += [frame.assign(**{name: np.inf}) for name in numbers] + [frame.assign(**{name: "x"}) for name in numbers]
    for table in wrong:
        with pytest.raises((ValueError, TypeError)):
            pipeline.predict(table)


def booster_is_right_or_raises(made: Case) -> None:
    stored = members(made.artifact)
    if "model.txt" not in stored:  # the scale of its target is not 1
        assert set(stored) == {"manifest.json", "model_in_scaled_units.txt"}
        return
    booster = lgb.Booster(model_str=stored["model.txt"].decode())
    names = list(made.model.features)
    if made.table.has_windows:
        with pytest.raises(KeyError):
            made.frame[booster.feature_name()]
        return
    texts = [feature.name for feature in made.service.schema.features if feature.categories]
    frame = plain(made.frame)[names].astype(dict.fromkeys(texts, "category"))
    frame = frame.astype({name: "float64" for name in frame if frame[name].dtype == object})
    expected = made.values[:, 1] if made.values.ndim == 2 and made.values.shape[1] == 2 else made.values
    if made.table.frame.columns[0] == "plan":
        with pytest.raises(ValueError, match="do not match"):
            booster.predict(frame)
    else:
        np.testing.assert_array_equal(booster.predict(frame, num_threads=1), expected)
    for name in texts:
        for dtype in (object, "str"):
            with pytest.raises(ValueError, match=r"do not match|dtypes must be"):
                booster.predict(frame.astype({name: dtype}))
        with pytest.raises(ValueError, match="do not match"):
            booster.predict(frame.assign(**{name: frame[name].cat.codes}))
    if booster.feature_name() != names:
        with pytest.raises(KeyError):
            frame[booster.feature_name()]


def xgboost_is_right_or_raises(made: Case) -> None:
    stored = members(made.artifact)
    if "model.ubj" not in stored:  # the scale of its target is not 1
        assert set(stored) == {"manifest.json", "model_in_scaled_units.ubj"}
        return
    booster = xgb.Booster(model_file=bytearray(stored["model.ubj"]))
    names = list(made.model.features)
    texts = {feature.name: feature.categories for feature in made.service.schema.features if feature.categories}
    assert booster.feature_names == [f"{name}:code" if name in texts else name for name in names]
    if made.table.has_windows:
        with pytest.raises(KeyError):
            made.frame[booster.feature_names]
        return

    def said(frame: Any) -> Any:
        return booster.predict(xgb.DMatrix(frame, feature_types=booster.feature_types, enable_categorical=True))

    frame = plain(made.frame)[names]
    codes = {name: {text: code for code, text in enumerate(known)} for name, known in texts.items()}
    coded = frame.assign(**{name: frame[name].map(codes[name]) for name in texts}).astype("float64")
    coded.columns = pd.Index(booster.feature_names)
    if np.abs(coded.to_numpy()[~np.isnan(coded.to_numpy())]).max() > LARGEST:
        with pytest.raises(xgb.core.XGBoostError, match="too large"):
            said(coded)
        coded = coded.clip(-LARGEST, LARGEST)
    expected = made.values[:, 1] if made.values.ndim == 2 and made.values.shape[1] == 2 else made.values
    np.testing.assert_allclose(said(coded), expected, rtol=1e-6)
    wrong: list[Any] = [coded[coded.columns[::-1]], coded[coded.columns[1:]], coded.to_numpy()]
    wrong += [coded.assign(**{name: np.inf}) for name in names if name not in texts]
    for table in wrong:
        with pytest.raises((ValueError, xgb.core.XGBoostError)):
            said(table)
    if texts:
        typed = frame.assign(**{name: coded[name] for name in names if name not in texts})
        typed = typed.astype(dict.fromkeys(texts, "category"))
        with pytest.raises(ValueError, match="feature_names mismatch"):
            booster.predict(xgb.DMatrix(typed, enable_categorical=True))


@pytest.mark.parametrize("model_type", list(ModelType))
def test_categories_that_the_model_does_not_know_are_missing_values(tmp_path: Path, model_type: str) -> None:
    made = case(tmp_path / "a", model_type, "mixed, two texts")
    frame = made.frame.copy()
    frame.loc[::3, "colour"] = "never seen"
    frame.loc[::4, "town"] = "nowhere"
    new = ingested(tmp_path / "b", UserTable(frame), form="parquet")
    values = service_values(made.service, new)
    np.testing.assert_array_equal(made.model._values(frame, None, None, 1), values)
    by_hand = with_known_categories(plain(frame), made)
    np.testing.assert_array_equal(made.model._values(by_hand, None, None, 1), values)
    if "model.skops" in members(made.artifact):
        said = [made.model.classes[code] for code in values.argmax(axis=1)] if made.model.classes else []
        assert naive_pipeline(made.artifact).predict(by_hand).tolist() == said


def test_windows_under_other_names_of_the_time_and_group_columns(tmp_path: Path) -> None:
    made = case(tmp_path, "lightgbm", "windows with groups")
    frame = made.frame.rename(columns={"when": "Zeit", "shop": "Laden"})
    assert same(made.model.predict(frame, time_column="Zeit", group_column="Laden"), made.labels)
    with pytest.raises(ValueError, match="column 'when': is not in the table"):
        made.model.predict(frame)


@pytest.mark.parametrize("name", ["breast_cancer", pytest.param("digits", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("model_type", list(ModelType))
def test_a_row_alone_has_the_bits_that_it_has_among_others(tmp_path: Path, model_type: str, name: str) -> None:
    made = case(tmp_path, model_type, name)
    x = made.frame
    for rows in (1, 2, 3, 7, 64):
        parts = [made.model._values(x.iloc[at : at + rows], None, None, 1) for at in range(0, 128, rows)]
        np.testing.assert_array_equal(np.concatenate(parts)[:128], made.values[:128])
    many = pd.concat([x] * 20, ignore_index=True)
    np.testing.assert_array_equal(made.model._values(many, None, None, 2), np.concatenate([made.values] * 20))


def test_the_manifest_names_everything_that_a_plain_script_needs(tmp_path: Path) -> None:
    made = case(tmp_path, "random_forest", "windows with groups")
    manifest = made.model.manifest
    assert set(manifest) == {
        "artifact_format",
        "format_version",
        "known_classes",
        "model_type",
        "schema",
        "target_scale",
        "versions",
    }
    assert manifest["format_version"] == 2
    assert (manifest["schema"]["time_column"], manifest["schema"]["group_column"]) == ("when", "shop")
    assert set(manifest["versions"]) == {"numpy", "scikit_learn", "skops"}
    assert json.loads(members(made.artifact)["manifest.json"]) == manifest


def test_a_model_of_another_version_of_scikit_learn_warns_once(tmp_path: Path) -> None:
    made = case(tmp_path, "ridge", "iris")
    parts = members(made.artifact)
    manifest = json.loads(parts["manifest.json"])
    manifest["versions"]["scikit_learn"] = "1.2.3"
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as target:
        target.writestr("manifest.json", json.dumps(manifest))
        target.writestr("model.skops", parts["model.skops"])
    with pytest.warns(UserWarning, match=r"install scikit-learn==1\.2\.3") as caught:
        older = load_model(buffer.getvalue())
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(older.predict(made.frame), made.labels)
