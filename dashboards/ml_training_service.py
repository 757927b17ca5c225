"""The dashboard of the service: the fifteen panels whose titles, kinds and order its users know."""

from dashboards.panels import (
    DATASOURCE_VARIABLE,
    Face,
    Query,
    gauge_panel,
    stat_panel,
    time_series_panel,
)
from dashboards.queries import JOB_PROGRESS, bounded, of_exporter, per_second
from dashboards.sdk import dashboard, dashboard_builders, timeseries

NO_DATA = "keine Daten"
NO_JOB = "kein Job im Zeitraum"
NO_SCORE = "kein Klassifikationsmodell im Zeitraum"


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    board = dashboard_builders.Dashboard("ML Training Service").uid("ml-training-service")
    board.description("Live-Übersicht über den ML Training Service").tags(["ml-training"])
    board.refresh("10s").time("now-1h", "now").timezone("browser").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    board.with_variable(
        dashboard_builders.DatasourceVariable(DATASOURCE_VARIABLE).label("Prometheus").type("prometheus")
    )
    for add in (_service_health, _system, _models):
        add(board)
    return board.build()


def _service_health(board: dashboard_builders.Dashboard) -> None:
    board.with_row(dashboard_builders.Row("Service Health"))
    board.with_panel(
        gauge_panel(
            Face(
                "Datenbank Status",
                "Ob der Exporter die Datenbank erreicht: grün = online, rot = offline.",
                NO_DATA, "none", 4, 6, steps=((None, "red"), (0.5, "green")), maximum=1,
            ),
            Query("min(ml_db_connected)", "Datenbank"),
            words={"0": ("offline", "red"), "1": ("online", "green")},
        )
    )  # fmt: skip
    board.with_panel(
        time_series_panel(
            Face(
                "Service Uptime", "Sekunden seit dem Start der API; 0, wenn sie sich nicht meldet.", NO_DATA, "s", 8, 6
            ),
            Query("max(ml_service_uptime_seconds)", "Uptime"),
        )
    )
    board.with_panel(
        stat_panel(
            Face("Gesamt Modelle", "Trainierte Modelle ohne gelöschte.", NO_DATA, "none", 4, 6, ((None, "blue"),)),
            Query("max(ml_models_total)", "Modelle"),
        )
    )
    board.with_panel(
        stat_panel(
            Face(
                "Aktive Jobs",
                "Jobs, die jetzt laufen (RUNNING).",
                NO_DATA,
                "none",
                4,
                6,
                ((None, "blue"), (1, "green")),
            ),
            Query("max(ml_active_jobs)", "Jobs"),
        )
    )
    board.with_panel(
        gauge_panel(
            Face(
                "Job Progress",
                "Fortschritt laufender Jobs in Prozent; höchstens fünf, die am weitesten fortgeschrittenen.",
                "kein laufender Job", "percent", 4, 6, steps=((None, "blue"), (100, "green")), maximum=100, decimals=0,
            ),
            Query(JOB_PROGRESS, "Job {{job_id}}"),
        )
    )  # fmt: skip


def _system(board: dashboard_builders.Dashboard) -> None:
    board.with_row(dashboard_builders.Row("System-Ressourcen"))
    board.with_panel(
        time_series_panel(
            Face("Memory Usage", "Speicher des Exporter-Prozesses: Resident und Virtual.", NO_DATA, "bytes", 6),
            Query(of_exporter("process_resident_memory_bytes"), "Resident"),
            Query(of_exporter("process_virtual_memory_bytes"), "Virtual"),
        )
    )
    board.with_panel(
        time_series_panel(
            Face("CPU Usage", "CPU-Auslastung des Exporter-Prozesses; 100 % = ein Kern.", NO_DATA, "percentunit", 6),
            Query(of_exporter(per_second("process_cpu_seconds_total")), "CPU"),
        )
    )
    board.with_panel(
        time_series_panel(
            Face(
                "Python GC Collections", "Läufe der Garbage Collection je Sekunde, nach Generation.", NO_DATA, "ops", 6
            ),
            Query(of_exporter(per_second("python_gc_collections_total")), "Generation {{generation}}"),
        )
    )
    board.with_panel(
        time_series_panel(
            Face("File Descriptors", "Offene Datei-Deskriptoren des Exporter-Prozesses.", NO_DATA, "none", 6),
            Query(of_exporter("process_open_fds"), "Offen"),
        )
    )


def _models(board: dashboard_builders.Dashboard) -> None:
    board.with_row(dashboard_builders.Row("ML-Metriken"))
    board.with_panel(_accuracy("Training Accuracy", "ml_training_accuracy", "auf den Trainingszeilen"))
    board.with_panel(_accuracy("Test Accuracy", "ml_test_accuracy", "auf ungesehenen Zeilen"))
    board.with_panel(_per_job("Job Duration", "ml_job_duration_seconds", "Laufzeit je Job seit dem ersten Start", "s"))
    board.with_panel(
        time_series_panel(
            Face(
                "Python GC Objects Collected",
                "Eingesammelte Objekte des Exporter-Prozesses je Sekunde, nach Generation.",
                NO_DATA, "cps", 8,
            ),
            Query(of_exporter(per_second("python_gc_objects_collected_total")), "Generation {{generation}}"),
        )
    )  # fmt: skip
    board.with_panel(_per_job("Job Features Count", "ml_job_features_count", "Verwendete Features je Job", "none"))
    board.with_panel(_per_job("Job Phases Count", "ml_job_phases_count", "Gewählte Phasen je Job", "none"))


def _accuracy(title: str, metric: str, rows: str) -> timeseries.Panel:
    text = f"Accuracy je Modell {rows}; höchstens 20 Linien, die höchsten im Zeitraum. Regressionsmodelle haben keine."
    steps = ((None, "red"), (0.7, "yellow"), (0.9, "green"))
    face = Face(title, text, NO_SCORE, "percentunit", 8, steps=steps, minimum=None, maximum=1, soft_minimum=0.5)
    return time_series_panel(face, Query(bounded(metric, "model_id"), "Modell {{model_id}}"))


def _per_job(title: str, metric: str, text: str, unit: str) -> timeseries.Panel:
    face = Face(title, f"{text}; höchstens 20 Linien, die höchsten im Zeitraum.", NO_JOB, unit, 8)
    return time_series_panel(face, Query(bounded(metric, "job_id"), "Job {{job_id}} ({{job_type}})"))
