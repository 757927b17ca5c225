"""`python -m tools.charts`: writes the settings of today into the chart's values.schema.json."""

import json

from tools.charts.settings_schema import SCHEMA, with_settings

if __name__ == "__main__":
    SCHEMA.write_text(with_settings(json.loads(SCHEMA.read_text(encoding="utf-8"))), encoding="utf-8")
