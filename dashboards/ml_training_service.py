"""The dashboard for users of the service, in German: fifteen panels with agreed titles, kinds and order."""

from dashboards.grafana_sdk import DashboardBuilder, dashboard, dashboard_builders, gauge, timeseries
from dashboards.panels import DATASOURCE_VARIABLE, PanelOptions, PanelQuery, gauge_panel, stat_panel, time_series_panel
from dashboards.promql import JOB_PROGRESS, limit_series, of_exporter_process, rate_per_second

NO_DATA = "keine Daten"
NO_JOB = "kein Job im Zeitraum"
NO_SCORE = "kein Klassifikationsmodell im Zeitraum"


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    builder = DashboardBuilder("ML Training Service").uid("ml-training-service")
    builder.description("Live-Übersicht über den ML Training Service").tags(["ml-training"])
    builder.refresh("10s").time("now-1h", "now").timezone("browser").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    builder.with_variable(
        dashboard_builders.DatasourceVariable(DATASOURCE_VARIABLE).label("Prometheus").type("prometheus")
    )
    for add in (_add_service_health_row, _add_system_row, _add_models_row):
        add(builder)
    return builder.build()


def _add_service_health_row(builder: DashboardBuilder) -> None:
    builder.with_row(dashboard_builders.Row("Service Health"))
    builder.with_panel(_database_gauge())
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="Service Uptime",
                description="Sekunden seit dem Start der API; 0, wenn sie sich nicht meldet.",
                no_value=NO_DATA,
                unit="s",
                width=8,
                height=6,
            ),
            PanelQuery("max(ml_service_uptime_seconds)", "Uptime"),
        )
    )
    builder.with_panel(
        stat_panel(
            PanelOptions(
                title="Gesamt Modelle",
                description="Trainierte Modelle ohne gelöschte.",
                no_value=NO_DATA,
                width=4,
                height=6,
                thresholds=((None, "blue"),),
            ),
            PanelQuery("max(ml_models_total)", "Modelle"),
        )
    )
    builder.with_panel(
        stat_panel(
            PanelOptions(
                title="Aktive Jobs",
                description="Jobs, die jetzt laufen (RUNNING).",
                no_value=NO_DATA,
                width=4,
                height=6,
                thresholds=((None, "blue"), (1, "green")),
            ),
            PanelQuery("max(ml_active_jobs)", "Jobs"),
        )
    )
    builder.with_panel(_job_progress_gauge())


def _database_gauge() -> gauge.Panel:
    return gauge_panel(
        PanelOptions(
            title="Datenbank Status",
            description="Ob der Exporter die Datenbank erreicht: grün = online, rot = offline.",
            no_value=NO_DATA,
            width=4,
            height=6,
            thresholds=((None, "red"), (0.5, "green")),
            maximum=1,
        ),
        PanelQuery("min(ml_db_connected)", "Datenbank"),
        value_labels={"0": ("offline", "red"), "1": ("online", "green")},
    )


def _job_progress_gauge() -> gauge.Panel:
    return gauge_panel(
        PanelOptions(
            title="Job Progress",
            description="Fortschritt laufender Jobs in Prozent; höchstens fünf, die am weitesten fortgeschrittenen.",
            no_value="kein laufender Job",
            unit="percent",
            width=4,
            height=6,
            thresholds=((None, "blue"), (100, "green")),
            maximum=100,
            decimals=0,
        ),
        PanelQuery(JOB_PROGRESS, "Job {{job_id}}"),
    )


def _add_system_row(builder: DashboardBuilder) -> None:
    builder.with_row(dashboard_builders.Row("System-Ressourcen"))
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="Memory Usage",
                description="Speicher des Exporter-Prozesses: Resident und Virtual.",
                no_value=NO_DATA,
                unit="bytes",
                width=6,
            ),
            PanelQuery(of_exporter_process("process_resident_memory_bytes"), "Resident"),
            PanelQuery(of_exporter_process("process_virtual_memory_bytes"), "Virtual"),
        )
    )
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="CPU Usage",
                description="CPU-Auslastung des Exporter-Prozesses; 100 % = ein Kern.",
                no_value=NO_DATA,
                unit="percentunit",
                width=6,
            ),
            PanelQuery(of_exporter_process(rate_per_second("process_cpu_seconds_total")), "CPU"),
        )
    )
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="Python GC Collections",
                description="Läufe der Garbage Collection je Sekunde, nach Generation.",
                no_value=NO_DATA,
                unit="ops",
                width=6,
            ),
            PanelQuery(
                of_exporter_process(rate_per_second("python_gc_collections_total")), "Generation {{generation}}"
            ),
        )
    )
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="File Descriptors",
                description="Offene Datei-Deskriptoren des Exporter-Prozesses.",
                no_value=NO_DATA,
                width=6,
            ),
            PanelQuery(of_exporter_process("process_open_fds"), "Offen"),
        )
    )


def _add_models_row(builder: DashboardBuilder) -> None:
    builder.with_row(dashboard_builders.Row("ML-Metriken"))
    builder.with_panel(_accuracy_panel("Training Accuracy", "ml_training_accuracy", "auf den Trainingszeilen"))
    builder.with_panel(_accuracy_panel("Test Accuracy", "ml_test_accuracy", "auf ungesehenen Zeilen"))
    builder.with_panel(
        _per_job_panel("Job Duration", "ml_job_duration_seconds", "Laufzeit je Job seit dem ersten Start", "s")
    )
    builder.with_panel(
        time_series_panel(
            PanelOptions(
                title="Python GC Objects Collected",
                description="Eingesammelte Objekte des Exporter-Prozesses je Sekunde, nach Generation.",
                no_value=NO_DATA,
                unit="cps",
                width=8,
            ),
            PanelQuery(
                of_exporter_process(rate_per_second("python_gc_objects_collected_total")), "Generation {{generation}}"
            ),
        )
    )
    builder.with_panel(_per_job_panel("Job Features Count", "ml_job_features_count", "Verwendete Features je Job"))
    builder.with_panel(_per_job_panel("Job Phases Count", "ml_job_phases_count", "Gewählte Phasen je Job"))


def _accuracy_panel(title: str, metric: str, rows: str) -> timeseries.Panel:
    description = (
        f"Accuracy je Modell {rows}; höchstens 20 Linien, die höchsten im Zeitraum. Regressionsmodelle haben keine."
    )
    thresholds = ((None, "red"), (0.7, "yellow"), (0.9, "green"))
    options = PanelOptions(
        title=title,
        description=description,
        no_value=NO_SCORE,
        unit="percentunit",
        width=8,
        thresholds=thresholds,
        minimum=None,
        maximum=1,
        soft_minimum=0.5,
    )
    return time_series_panel(options, PanelQuery(limit_series(metric, "model_id"), "Modell {{model_id}}"))


def _per_job_panel(title: str, metric: str, description: str, unit: str = "none") -> timeseries.Panel:
    options = PanelOptions(
        title=title,
        description=f"{description}; höchstens 20 Linien, die höchsten im Zeitraum.",
        no_value=NO_JOB,
        unit=unit,
        width=8,
    )
    return time_series_panel(options, PanelQuery(limit_series(metric, "job_id"), "Job {{job_id}} ({{job_type}})"))
