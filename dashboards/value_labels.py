"""Words and colours to show for coded values, such as the status of a job, and the table headings of a job's labels."""

from dashboards.panels import SeriesColors, ValueLabels

UP: ValueLabels = {"0": ("down", "red"), "1": ("up", "green")}
SUCCESS: ValueLabels = {"0": ("fails", "red"), "1": ("works", "green")}
STATUS: ValueLabels = {
    "1": ("PENDING", "blue"),
    "2": ("RUNNING", "yellow"),
    "3": ("COMPLETED", "green"),
    "4": ("FAILED", "red"),
    "5": ("CANCELLED", "purple"),
}
STATUS_COLORS: SeriesColors = dict(STATUS.values())
CODE_COLORS: SeriesColors = {"2..": "green", "3..": "blue", "4..": "orange", "5..": "red"}
JOB_LABELS = {"job_id": "Job", "job_type": "Type", "model_type": "Model type"}
