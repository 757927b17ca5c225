"""Models: training against test accuracy, overfitting, drift, every score, and what the training cost."""

from dashboards.board import NO_DATA, Builder, add_api_url, add_choice, add_row, new_board
from dashboards.links import MODELS, ROW_MODEL, SERIES_MODEL, to_api
from dashboards.panels import Face, Query, Steps, bar_gauge_panel, stat_panel, time_series_panel
from dashboards.queries import BARS, LINES, bounded, per_second
from dashboards.sdk import dashboard, table, timeseries
from dashboards.tables import Column, table_panel

GAP = "ml_training_accuracy - on(job, instance, model_id) ml_test_accuracy"
FALL = "max_over_time(ml_test_accuracy[$__range]) - ml_test_accuracy"
TRAIN, TEST = "max by (model_id) (ml_training_accuracy)", "max by (model_id) (ml_test_accuracy)"
SCORE = 'ml_model_score{score=~"$score", split=~"$split"}'
OVERFITTED, FALLEN = 0.2, 0.05
"""Differences of accuracy from which on an alert fires."""
NO_MODEL = "no classification model"
BLUE: Steps = ((None, "blue"),)
WARN: Steps = ((None, "green"), (1, "orange"))
QUALITY: Steps = ((None, "red"), (0.7, "yellow"), (0.9, "green"))
IN_API = to_api("This model in the API", f"models/{SERIES_MODEL}")


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    text = "How good the newest models are on rows they know and on rows they do not, and whether that changes."
    board = new_board(MODELS, "ML Training: Models", text)
    add_choice(board, "score", "Score", "ml_model_score", chosen="accuracy")
    add_choice(board, "split", "Split", "ml_model_score", chosen="held_out")
    add_choice(board, "model_type", "Model type (costs)", "ml_training_rows_total")
    add_api_url(board)
    for add in (_summary, _train_and_test, _change, _scores, _cost):
        add(board)
    return board.build()


def _summary(board: Builder) -> None:
    gap = "Models whose training accuracy is more than 0.2 above their test accuracy: Overfitting fires for each."
    fall = "Models whose test accuracy is more than 0.05 below its best in this range: AccuracyDrop looks at a day."
    add_row(
        board,
        "Models",
        stat_panel(Face("Models", "Not deleted.", NO_DATA, "none", 6, 4, BLUE), Query("max(ml_models_total)", "all")),
        stat_panel(Face("Data sets", "Not deleted.", NO_DATA, "none", 6, 4, BLUE), Query("max(ml_datasets)", "all")),
        stat_panel(
            Face("Overfitted", gap, NO_DATA, "none", 6, 4, WARN),
            Query(f"count({GAP} > {OVERFITTED}) or vector(0)", "Models"),
        ),
        stat_panel(
            Face("Fallen", fall, NO_DATA, "none", 6, 4, WARN),
            Query(f"count({FALL} > {FALLEN}) or vector(0)", "Models"),
        ),
    )


def _accuracy(title: str, metric: str, rows: str) -> timeseries.Panel:
    text = f"On {rows}; at most 20 models, the best in this range. Regression models have none."
    face = Face(
        title,
        text,
        NO_MODEL,
        "percentunit",
        12,
        steps=QUALITY,
        minimum=None,
        maximum=1,
        links=(IN_API,),
        soft_minimum=0.5,
    )
    return time_series_panel(face, Query(bounded(metric, "model_id"), "Model {{model_id}}"))


def _train_and_test(board: Builder) -> None:
    gap = "Training minus test accuracy, the 10 largest. Forests know their own rows by heart: judge by the test."
    steps: Steps = ((None, "green"), (0.1, "yellow"), (OVERFITTED, "red"))
    add_row(
        board,
        "Training against test",
        _accuracy("Training accuracy", "ml_training_accuracy", "the rows that the model was fitted on"),
        _accuracy("Test accuracy", "ml_test_accuracy", "unseen rows: the newest TEST without overlap, else held out"),
        bar_gauge_panel(
            Face("Gap", gap, NO_MODEL, "percentunit", 12, 9, steps, minimum=None, decimals=1, links=(IN_API,)),
            Query(f"topk({BARS}, {GAP})", "#{{model_id}}"),
        ),
        _table(),
    )


def _table() -> table.Panel:
    face = Face("Accuracies", "The newest models; click a number.", NO_MODEL, "none", 12, 9, minimum=None)
    return table_panel(
        face,
        Column(Query(TRAIN, "Training"), "percentunit"),
        Column(Query(TEST, "Test"), "percentunit"),
        Column(Query(f"{TRAIN} - {TEST}", "Gap"), "percentunit"),
        labels={"model_id": "Model"},
        descending="Gap",
        links={"Model": (to_api("This model in the API", f"models/{ROW_MODEL}"),)},
    )


def _change(board: Builder) -> None:
    fall = "How far the test accuracy is below its best in this range, the 10 largest falls."
    moved = "The 20 models whose test accuracy moved most in this range: a line moves when a new TEST ends."
    spread = "max_over_time(ml_test_accuracy[$__range] @ end()) - min_over_time(ml_test_accuracy[$__range] @ end())"
    moving = Face(
        "Test accuracy that moved", moved, NO_MODEL, "percentunit", 12, 9, minimum=None, maximum=1, links=(IN_API,),
        soft_minimum=0.5,
    )  # fmt: skip
    add_row(
        board,
        "Drift: the same model on newer rows",
        bar_gauge_panel(
            Face("Fall", fall, NO_MODEL, "percentunit", 12, 9, steps=((None, "green"), (FALLEN, "red")), decimals=1),
            Query(f"topk({BARS}, {FALL})", "#{{model_id}}"),
        ),
        time_series_panel(
            moving,
            Query(f"ml_test_accuracy and on(model_id) topk({LINES}, {spread})", "Model {{model_id}}"),
        ),
    )


def _scores(board: Builder) -> None:
    legend = "#{{model_id}} {{score}} {{split}}"
    best = "Of the chosen scores and splits, the 10 highest values. Choose one score: different ones do not compare."
    lines = "Of the chosen scores and splits, at most 20 lines, the highest in this range."
    none = "no score of this choice"
    add_row(
        board,
        "Scores of the training",
        bar_gauge_panel(
            Face("Highest scores", best, none, "none", 12, 10, BLUE, minimum=None, decimals=3),
            Query(f"topk({BARS}, {SCORE})", legend),
        ),
        time_series_panel(
            Face("Scores over time", lines, none, "none", 12, 10, minimum=None, links=(IN_API,)),
            Query(bounded(SCORE, "model_id, score, split"), legend),
        ),
    )


def _cost(board: Builder) -> None:
    of_type = '{model_type=~"$model_type"}'
    seconds = "Jobs of this type that trained at once, on average: seconds of training a second."
    add_row(
        board,
        "What training costs",
        time_series_panel(
            Face("Rows", "A second, of TRAIN jobs that ended.", NO_DATA, "suffix:rows/s", 12, interval="1m"),
            Query(f"sum by (model_type) ({per_second('ml_training_rows_total' + of_type)})", "{{model_type}}"),
        ),
        time_series_panel(
            Face("Time", seconds, NO_DATA, "none", 12, interval="1m"),
            Query(f"sum by (model_type) ({per_second('ml_training_seconds_total' + of_type)})", "{{model_type}}"),
        ),
    )
