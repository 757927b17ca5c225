"""Checks that LightGBM has written a whole binary data set.

The library (4.7) does not notice when the last bytes, which it writes as it closes the file, find no room.

The file (`Dataset::SaveBinaryFile` in LightGBM's src/io/dataset.cpp): a line that names the format, padded to 8 bytes,
then sections, each behind its size as a `size_t`: the header, the labels, and each group of features. The number of
groups is in the header behind ten values and a number for each column, all padded to 8 bytes.
"""

import struct
from pathlib import Path

TOKEN_BYTES = 40  # "______LightGBM_Binary_File_Token______\n", padded
SIZE = struct.Struct("=Q")
INTEGER = struct.Struct("=i")
COLUMNS_AT = 16  # the third value of the header
VALUES_BYTES = 80  # the values before the numbers of the columns


def is_complete(path: Path) -> bool:
    """Whether the sections fill the file exactly; raises OSError when it cannot be read."""
    end = path.stat().st_size
    with path.open("rb") as file:
        try:
            file.seek(TOKEN_BYTES)
            header = file.read(SIZE.unpack(file.read(SIZE.size))[0])
            columns = INTEGER.unpack_from(header, COLUMNS_AT)[0]
            groups = INTEGER.unpack_from(header, VALUES_BYTES + -(-columns * INTEGER.size // 8) * 8)[0]
            at = file.tell()
            for _ in range(1 + groups):
                file.seek(at)
                at += SIZE.size + SIZE.unpack(file.read(SIZE.size))[0]
        except (struct.error, OverflowError):
            return False
    return at == end
