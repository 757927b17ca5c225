"""The texts that have a form, and the form in words: a pattern alone explains nothing to most readers."""

from ml_training.domain.names import NAME_HINT, NAME_PATTERN

ALIAS_PATTERN = r"[a-z][a-z0-9_.-]{0,31}"
DURATION_PATTERN = "^[1-9][0-9]{0,8}[smhd]$"
PATTERN_HINTS = {
    f"^{NAME_PATTERN}$": f"must be {NAME_HINT}",
    f"^{ALIAS_PATTERN}$": "must be 1 to 32 lower-case letters, digits, '_', '.' or '-', starting with a letter",
    DURATION_PATTERN: 'must be a whole number and a unit, s, m, h or d, such as "5m"',
}
