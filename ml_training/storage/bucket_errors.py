"""What an error of an S3 server means for the operator: one line with the remedy, and nothing secret."""

import errno
import re

from ml_training.domain.variables import PREFIX

SECRET = (
    f"the key id or its secret is wrong: correct {PREFIX}S3_ACCESS_KEY_ID and {PREFIX}S3_SECRET_ACCESS_KEY, "
    "and the clock of this machine"
)
FORBIDDEN = "the key may not do this, or its secret is wrong: docs/storage.md lists the permissions that it needs"
NO_BUCKET = f"there is no such bucket: create it, or correct {PREFIX}STORAGE_URL"
REGION = f"the bucket is in another region: correct {PREFIX}S3_REGION or {PREFIX}S3_ENDPOINT"
FULL = "the bucket is full: delete data sets and models, or raise its quota"
BUSY = "the server is overloaded"
AWAY = f"the server cannot be reached: start it, or correct {PREFIX}S3_ENDPOINT"
SLOW = "the server does not answer in time"

_CODES = {
    "NoSuchBucket": NO_BUCKET,
    "InvalidBucketName": NO_BUCKET,
    "SignatureDoesNotMatch": SECRET,
    "InvalidAccessKeyId": SECRET,
    "RequestTimeTooSkewed": SECRET,
    "ExpiredToken": SECRET,
    "InvalidToken": SECRET,
    "AccessDenied": FORBIDDEN,
    "PermanentRedirect": REGION,
    "AuthorizationHeaderMalformed": REGION,
    "QuotaExceeded": FULL,
    "QuotaExceededException": FULL,
    "XMinioStorageFull": FULL,
    "SlowDown": BUSY,
    "ServiceUnavailable": BUSY,
}
_STATUSES = {"401": SECRET, "403": FORBIDDEN, "301": REGION, "307": REGION, "507": FULL, "503": BUSY, "429": BUSY}
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
MESSAGE_CHARACTERS = 300


def is_missing(error: Exception) -> bool:
    """Whether the bucket answered that it does not hold the object, and not that there is no bucket."""
    return isinstance(error, FileNotFoundError) and explain(error) != NO_BUCKET


def storage_error(error: Exception, place: str) -> OSError:
    """The error of the S3 library as an OSError that says where, why and what to do."""
    reason = explain(error)
    number = {FULL: errno.ENOSPC, SECRET: errno.EACCES, FORBIDDEN: errno.EACCES}.get(reason, errno.EIO)
    return OSError(number, f"{place}: {reason}")


def explain(error: Exception) -> str:
    """Why the request failed, with the remedy."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code and code[1] in _CODES:
        return _CODES[code[1]]
    if status and status[1] in _STATUSES:
        return _STATUSES[status[1]]
    if "kind: Timeout" in text:
        return SLOW
    if "kind: Connect" in text or "error sending request" in text:
        return AWAY
    # The answer's body may repeat what was signed; the first line before it holds the request and the status.
    first = text.partition("\n")[0].partition("<")[0].strip(" :")
    return f"the request failed: {first[:MESSAGE_CHARACTERS]}{f' ({code[1]})' if code else ''}"
