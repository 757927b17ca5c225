"""The body of a request as the app reads it: a body that is malformed, cut short or late is the client's error."""

from typing import Any

from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import RequestTimeout

from ml_training.domain.errors import BadRequest


class RequestStream:
    """The body of one request of gunicorn. After an error the connection is closed behind the answer.

    gunicorn raises its own errors while the app reads, which would look like defects of the app; and it takes a body
    that ends before its Content-Length as a whole one.
    """

    def __init__(self, message: Any) -> None:
        self._message = message
        self._body = message.body
        self._left = next((int(value) for name, value in message.headers if name == "CONTENT-LENGTH"), None)
        self.failed = False  # gunicorn's parser looks here before it reads another request

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, empty at the end; raises BadRequest, RequestTimeout."""
        try:
            data: bytes = self._body.read(size)
        except BlockingIOError:  # the receive timeout of the socket
            raise self._end(RequestTimeout("the rest of the body did not arrive in time")) from None
        except ParseException as error:
            raise self._end(BadRequest(f"the chunks of the body are malformed: {_shown(error)}")) from None
        except (NoMoreData, OSError):
            raise self._end(BadRequest("the body ends before its last chunk")) from None
        if self._left is not None:
            wanted = self._left if size < 0 else min(size, self._left)
            self._left -= len(data)
            if len(data) < wanted:
                raise self._end(BadRequest(f"the body ends {self._left:,} bytes before its Content-Length"))
        return data

    def _end(self, error: Exception) -> Exception:
        self.failed = True
        self._message.force_close()
        return error


def _shown(error: ParseException) -> str:
    return ascii(str(error))[1:-1][:200]
