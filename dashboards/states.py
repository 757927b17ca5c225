"""Words and colours for values that are codes, and the headings of a job's labels."""

from dashboards.panels import Colors, Words

UP: Words = {"0": ("down", "red"), "1": ("up", "green")}
WORKS: Words = {"0": ("fails", "red"), "1": ("works", "green")}
STATUS: Words = {
    "1": ("PENDING", "blue"),
    "2": ("RUNNING", "yellow"),
    "3": ("COMPLETED", "green"),
    "4": ("FAILED", "red"),
    "5": ("CANCELLED", "purple"),
}
STATUS_COLORS: Colors = dict(STATUS.values())
CODE_COLORS: Colors = {"2..": "green", "3..": "blue", "4..": "orange", "5..": "red"}
JOB_LABELS = {"job_id": "Job", "job_type": "Type", "model_type": "Model type"}
