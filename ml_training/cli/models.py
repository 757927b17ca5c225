"""The commands for models: list, show, download, export, card, rm."""

from pathlib import Path
from typing import Annotated

import typer

from ml_training.cli.make_jobs import MODEL_HELP
from ml_training.cli.result_printer import AsJson, Failed, result_printer
from ml_training.cli.service import Beginning, Limit, connect, model_reference

SHOWN_FEATURES = 10
MAIN_SCORES = {"regression": ("r2", "rmse")}  # else the accuracy
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
COLUMNS = ("id", "name", "version", "type", "task", "score", "held-out", "training", "created (UTC)")
models = typer.Typer(invoke_without_command=True)


@models.callback()
def list_models(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only versions of this name.")] = None,
    q: Beginning = None,
    alias: Annotated[str | None, typer.Option(help="Only versions with this alias.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only models with this tag.")] = None,
    model_type: Annotated[str | None, typer.Option(help="Only models of this type.")] = None,
    dataset: Annotated[int | None, typer.Option(min=1, help="Only models trained on this data set.")] = None,
    sort: Annotated[str | None, typer.Option(help="newest, oldest, or a score such as roc_auc: best first.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List models, the newest first, or look at one; the score is the one that fits the task.

    Example: ml-training models --name churn --sort roc_auc
    """
    if context.invoked_subcommand is None:
        with result_printer(as_json) as printer, connect() as client:
            found = client.models.list(
                q=q,
                name=name,
                alias=alias,
                tag=tag,
                model_type=model_type,
                dataset_id=dataset,
                sort=sort,
                limit=limit,
            )
            if as_json:
                printer.document({"items": [dict(model.data) for model in found]})
            else:
                shown = sort if sort not in (None, "newest", "oldest") else None
                printer.table(COLUMNS, [_row(dict(model.data), shown) for model in found])


@models.command("show")
def show_model(model: Model, as_json: AsJson = False) -> None:
    """Show a model: scores, the most important features, where it came from.

    Example: ml-training models show churn@champion
    """
    from ml_training.cli.outcome import print_model

    with result_printer(as_json) as printer, connect() as client:
        found = client.models.get(model_reference(model))
        printer.document(dict(found.data))
        printer.line(f"{found.label}, made by job {found.job_id} from data set {found.dataset_id}")
        print_model(dict(found.data), printer)
        important = ((found.details or {}).get("importance") or {}).get("features") or []
        if important:
            rows = [[item["feature"], item["value"]] for item in important[:SHOWN_FEATURES]]
            printer.table(("feature", "importance"), rows)


@models.command("download")
def download_model(
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file or a directory.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the file of a model, verified by its SHA-256.

    Example: ml-training models download churn@champion -o models/
    """
    with result_printer(as_json) as printer, connect(waits=True) as client:
        found = client.models.get(model_reference(model))
        path = found.download(output)
        printer.document({"path": str(path), "sha256": found.artifact_sha256, "bytes": found.artifact_bytes})
        printer.line(f"{found.label} is in {path}")


@models.command("export")
def export_model(
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file or a directory.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a model as an ONNX file that predicts the same, for programs in other languages.

    It is compared on the first 200 rows of the data set that trained it. Needs: pip install onnx onnxruntime

    Example: ml-training models export churn@champion -o churn.onnx
    """
    from ml_training.client.onnx import ExportError, TableError

    with result_printer(as_json) as printer, connect(waits=True) as client:
        found = client.models.get(model_reference(model))
        try:
            made = found.export_onnx(output)
        except (ExportError, TableError) as error:
            raise Failed(str(error)) from None
        compared = {"rows": made.rows, "largest_difference": made.largest_difference}
        printer.document({"path": str(made.path), **compared})
        difference = f"{made.rows:,} rows compared, largest difference {made.largest_difference:.2g}"
        printer.line(f"{found.label} is in {made.path}: {difference}")


@models.command("card")
def write_card(
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file or a directory.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write the card of a model: one HTML page with what is known about it; with --json print it instead.

    Example: ml-training models card churn@champion -o churn.html
    """
    with result_printer(as_json) as printer, connect() as client:
        card = client.models.get(model_reference(model)).card()
        printer.document(dict(card.data))
        if not as_json:
            printer.line(f"the card is in {card.save(output)}")


@models.command("rm")
def remove_models(
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="The ids of models.")], as_json: AsJson = False
) -> None:
    """Delete models and their aliases; one that a job still needs is not deleted.

    Example: ml-training models rm 7
    """
    with result_printer(as_json) as printer, connect() as client:
        for model_id in ids:
            client.models.delete(model_id)
            printer.line(f"model {model_id} is deleted")
        printer.document({"deleted": ids})


def _row(model: dict[str, object], shown: str | None) -> list[object]:
    from ml_training.cli.result_printer import table_value, value_at
    from ml_training.client.display import cell_text

    names = (shown,) if shown else MAIN_SCORES.get(str(model.get("task")), ("accuracy",))
    scores = [
        ", ".join(cell_text(value_at(model, f"scores.{part}.{name}")) for name in names)
        for part in ("held_out", "train")
    ]
    facts = [model.get(name) for name in ("id", "name", "version", "model_type", "task")]
    return [*facts, ", ".join(names), *scores, table_value(model, "created_at")]
