"""The dashboard of the models: training and test accuracy, overfitting, drift, scores, cost of the training."""

from dashboards.grafana_sdk import DashboardBuilder, bargauge, dashboard, table, timeseries
from dashboards.links import CLICKED_MODEL, CLICKED_SERIES_MODEL, MODELS, console_link
from dashboards.operator_dashboard import (
    NO_DATA,
    add_api_url_variable,
    add_multi_choice_variable,
    add_row,
    new_dashboard,
)
from dashboards.panels import BLUE, PanelOptions, PanelQuery, Thresholds, bar_gauge_panel, stat_panel, time_series_panel
from dashboards.promql import MAX_BARS, MAX_SERIES, limit_series, rate_per_second, with_model_name
from dashboards.table_panel import TableColumn, table_panel

ACCURACY_GAP = "ml_training_accuracy - on(job, instance, model_id) ml_test_accuracy"
ACCURACY_FALL = "max_over_time(ml_test_accuracy[$__range]) - ml_test_accuracy"
MODEL = "{{model_name}} v{{model_version}} (#{{model_id}})"
ROW_LABELS = {"model_id": "Model", "model_name": "Name", "model_version": "Version"}
SCORE = 'ml_model_score{score=~"$score", split=~"$split"}'
HELD_OUT = 'ml_model_score{{score="{}", split="held_out"}} and on(job, instance, model_id) ({})'
REGRESSION = 'ml_model_score{score="rmse"}'  # a regression model has this score, and no other one has
OVERFITTING_GAP, ACCURACY_DROP = 0.2, 0.05
"""Differences of accuracy above which the alerts Overfitting and AccuracyDrop fire."""
NO_MODEL, NO_REGRESSION = "no classification model", "no regression model"
ORANGE_FROM_ONE: Thresholds = ((None, "green"), (1, "orange"))
ACCURACY_THRESHOLDS: Thresholds = ((None, "red"), (0.7, "yellow"), (0.9, "green"))
MODEL_IN_CONSOLE = console_link("This model in the console", f"models/{CLICKED_SERIES_MODEL}")


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    description = "How good the newest models are on rows they know and on rows they do not, and whether that changes."
    builder = new_dashboard(MODELS, "ML Training: Models", description)
    add_multi_choice_variable(builder, "score", "Score", "ml_model_score", chosen="accuracy")
    add_multi_choice_variable(builder, "split", "Split", "ml_model_score", chosen="held_out")
    add_multi_choice_variable(builder, "model_type", "Model type (costs)", "ml_training_rows_total")
    add_api_url_variable(builder)
    rows = (_add_summary_row, _add_accuracy_row, _add_drift_row, _add_regression_row, _add_scores_row, _add_cost_row)
    for add in rows:
        add(builder)
    return builder.build()


def _add_summary_row(builder: DashboardBuilder) -> None:
    gap = "Models whose training accuracy is more than 0.2 above their test accuracy: Overfitting fires for each."
    fall = "Models whose test accuracy is more than 0.05 below its best in this range: AccuracyDrop looks at a day."
    add_row(
        builder,
        "Models",
        stat_panel(
            PanelOptions(
                title="Models",
                description="Not deleted.",
                no_value=NO_DATA,
                width=6,
                height=4,
                thresholds=BLUE,
            ),
            PanelQuery("max(ml_models_total)", "all"),
        ),
        stat_panel(
            PanelOptions(
                title="Data sets",
                description="Not deleted.",
                no_value=NO_DATA,
                width=6,
                height=4,
                thresholds=BLUE,
            ),
            PanelQuery("max(ml_datasets)", "all"),
        ),
        stat_panel(
            PanelOptions(
                title="Overfitted", description=gap, no_value=NO_DATA, width=6, height=4, thresholds=ORANGE_FROM_ONE
            ),
            PanelQuery(f"count({ACCURACY_GAP} > {OVERFITTING_GAP}) or vector(0)", "Models"),
        ),
        stat_panel(
            PanelOptions(
                title="Fallen", description=fall, no_value=NO_DATA, width=6, height=4, thresholds=ORANGE_FROM_ONE
            ),
            PanelQuery(f"count({ACCURACY_FALL} > {ACCURACY_DROP}) or vector(0)", "Models"),
        ),
    )


def _accuracy_panel(title: str, metric: str, rows: str) -> timeseries.Panel:
    description = f"On {rows}; at most 20 models, the best in this range. Regression models have none."
    options = PanelOptions(
        title=title,
        description=description,
        no_value=NO_MODEL,
        unit="percentunit",
        width=12,
        thresholds=ACCURACY_THRESHOLDS,
        minimum=None,
        maximum=1,
        links=(MODEL_IN_CONSOLE,),
        soft_minimum=0.5,
    )
    return time_series_panel(options, PanelQuery(with_model_name(limit_series(metric, "model_id")), MODEL))


def _add_accuracy_row(builder: DashboardBuilder) -> None:
    gap = "Training minus test accuracy, the 10 largest. Forests know their own rows by heart: judge by the test."
    thresholds: Thresholds = ((None, "green"), (0.1, "yellow"), (OVERFITTING_GAP, "red"))
    add_row(
        builder,
        "Training against test",
        _accuracy_panel("Training accuracy", "ml_training_accuracy", "the rows that the model was fitted on"),
        _accuracy_panel(
            "Test accuracy", "ml_test_accuracy", "unseen rows: the newest TEST without overlap, else held out"
        ),
        bar_gauge_panel(
            PanelOptions(
                title="Gap",
                description=gap,
                no_value=NO_MODEL,
                unit="percentunit",
                width=12,
                height=9,
                thresholds=thresholds,
                minimum=None,
                decimals=1,
                links=(MODEL_IN_CONSOLE,),
            ),
            PanelQuery(with_model_name(f"topk({MAX_BARS}, {ACCURACY_GAP})"), MODEL),
        ),
        _accuracy_table(),
    )


def _accuracy_table() -> table.Panel:
    options = PanelOptions(
        title="Accuracies",
        description="The newest models; click a number.",
        no_value=NO_MODEL,
        width=12,
        height=9,
        minimum=None,
    )
    return table_panel(
        options,
        TableColumn(PanelQuery(_by_model("ml_training_accuracy"), "Training"), "percentunit"),
        TableColumn(PanelQuery(_by_model("ml_test_accuracy"), "Test"), "percentunit"),
        TableColumn(PanelQuery(_by_model(ACCURACY_GAP), "Gap"), "percentunit"),
        labels=ROW_LABELS,
        descending="Gap",
        links={"Model": (console_link("This model in the console", f"models/{CLICKED_MODEL}"),)},
    )


def _by_model(expression: str) -> str:
    return f"max by ({', '.join(ROW_LABELS)}) ({with_model_name(expression)})"


def _held_out(score: str) -> str:
    return HELD_OUT.format(score, REGRESSION)


def _add_regression_row(builder: DashboardBuilder) -> None:
    explained = "R² on held-out rows, the 10 best: the share of the spread of the target that the model explains."
    errors = "On held-out rows, in the unit of the target; MAPE is a share of it. Compare models of one target only."
    add_row(
        builder,
        "Regression models",
        bar_gauge_panel(
            PanelOptions(
                title="Explained variance (R²)",
                description=explained,
                no_value=NO_REGRESSION,
                width=12,
                height=9,
                thresholds=ACCURACY_THRESHOLDS,
                minimum=None,
                maximum=1,
                decimals=3,
                links=(MODEL_IN_CONSOLE,),
            ),
            PanelQuery(with_model_name(f"topk({MAX_BARS}, {_held_out('r2')})"), MODEL),
        ),
        table_panel(
            PanelOptions(
                title="Errors of prediction",
                description=errors,
                no_value=NO_REGRESSION,
                width=12,
                height=9,
                minimum=None,
            ),
            TableColumn(PanelQuery(_by_model(_held_out("r2")), "R²")),
            TableColumn(PanelQuery(_by_model(_held_out("rmse")), "RMSE")),
            TableColumn(PanelQuery(_by_model(_held_out("mae")), "MAE")),
            TableColumn(PanelQuery(_by_model(_held_out("mape")), "MAPE"), "percentunit"),
            labels=ROW_LABELS,
            descending="R²",
            links={"Model": (console_link("This model in the console", f"models/{CLICKED_MODEL}"),)},
        ),
    )


def _distance_panel() -> bargauge.Panel:
    """How far the rows of the newest DRIFT jobs are from the training rows."""
    thresholds: Thresholds = ((None, "green"), (0.1, "yellow"), (0.25, "red"))
    options = PanelOptions(
        title="Distance from the training rows",
        description="Weighted PSI of the newest DRIFT job of each model, the 10 largest; above 0.25 ModelDrift fires.",
        no_value="No DRIFT job has ended.",
        width=24,
        height=7,
        thresholds=thresholds,
        decimals=2,
        links=(MODEL_IN_CONSOLE,),
    )
    return bar_gauge_panel(options, PanelQuery(with_model_name(f"topk({MAX_BARS}, ml_model_drift)"), MODEL))


def _add_drift_row(builder: DashboardBuilder) -> None:
    fall = "How far the test accuracy is below its best in this range, the 10 largest falls."
    moved = "The 20 models whose test accuracy moved most in this range: a line moves when a new TEST ends."
    spread = "max_over_time(ml_test_accuracy[$__range] @ end()) - min_over_time(ml_test_accuracy[$__range] @ end())"
    moving = PanelOptions(
        title="Test accuracy that moved",
        description=moved,
        no_value=NO_MODEL,
        unit="percentunit",
        width=12,
        height=9,
        minimum=None,
        maximum=1,
        links=(MODEL_IN_CONSOLE,),
        soft_minimum=0.5,
    )
    add_row(
        builder,
        "Drift: the same model on newer rows",
        bar_gauge_panel(
            PanelOptions(
                title="Fall",
                description=fall,
                no_value=NO_MODEL,
                unit="percentunit",
                width=12,
                height=9,
                thresholds=((None, "green"), (ACCURACY_DROP, "red")),
                decimals=1,
            ),
            PanelQuery(with_model_name(f"topk({MAX_BARS}, {ACCURACY_FALL})"), MODEL),
        ),
        time_series_panel(
            moving,
            PanelQuery(with_model_name(f"ml_test_accuracy and on(model_id) topk({MAX_SERIES}, {spread})"), MODEL),
        ),
        _distance_panel(),
    )


def _add_scores_row(builder: DashboardBuilder) -> None:
    legend, key = f"{MODEL} {{{{score}}}} {{{{split}}}}", "model_id, score, split"
    best = "Of the chosen scores and splits, the 10 highest values. Choose one score: different ones do not compare."
    lines = "Of the chosen scores and splits, at most 20 lines, the highest in this range."
    no_value = "no score of this choice"
    add_row(
        builder,
        "Scores of the training",
        bar_gauge_panel(
            PanelOptions(
                title="Highest scores",
                description=best,
                no_value=no_value,
                width=12,
                height=10,
                thresholds=BLUE,
                minimum=None,
                decimals=3,
            ),
            PanelQuery(with_model_name(f"topk({MAX_BARS}, {SCORE})", key), legend),
        ),
        time_series_panel(
            PanelOptions(
                title="Scores over time",
                description=lines,
                no_value=no_value,
                width=12,
                height=10,
                minimum=None,
                links=(MODEL_IN_CONSOLE,),
            ),
            PanelQuery(with_model_name(limit_series(SCORE, key), key), legend),
        ),
    )


def _add_cost_row(builder: DashboardBuilder) -> None:
    of_type = '{model_type=~"$model_type"}'
    seconds = "Jobs of this type that trained at once, on average: seconds of training a second."
    add_row(
        builder,
        "What training costs",
        time_series_panel(
            PanelOptions(
                title="Rows",
                description="A second, of TRAIN jobs that ended.",
                no_value=NO_DATA,
                unit="suffix:rows/s",
                width=12,
                min_interval="1m",
            ),
            PanelQuery(
                f"sum by (model_type) ({rate_per_second('ml_training_rows_total' + of_type)})", "{{model_type}}"
            ),
        ),
        time_series_panel(
            PanelOptions(title="Time", description=seconds, no_value=NO_DATA, width=12, min_interval="1m"),
            PanelQuery(
                f"sum by (model_type) ({rate_per_second('ml_training_seconds_total' + of_type)})", "{{model_type}}"
            ),
        ),
    )
