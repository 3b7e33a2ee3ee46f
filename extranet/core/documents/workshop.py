"""Long PDF made beside the web threads: one process of its own a web process, so that pages go on meanwhile.

The process is started by the first long document, ends with its parent, and is replaced after a failure. It is nicer
than its parent, and may neither run nor grow without end.
"""

import atexit
import os
import pickle
import resource
import select
import struct
import subprocess
import sys
import threading
import time
from io import BufferedIOBase
from typing import Any

from extranet.core import bulk
from extranet.core.errors import Busy

SECONDS = 120  # for one document; two hundred demandes take about ten
MEMORY = 2 * 1024**3
_LENGTH = struct.Struct(">Q")


class Workshop:
    """One child process, one document at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def convert(self, html: str, options: dict[str, Any]) -> bytes:
        """`pdf.convert(html, **options)`, there. Busy when no turn comes in time;
        RuntimeError when it cannot be made.
        """
        if not self._turn.acquire(timeout=SECONDS):
            raise Busy
        try:
            child = self._ready()
            try:
                _write(child.stdin, (html, options), SECONDS)
                made, result = _read(child.stdout, SECONDS)
            except (OSError, EOFError, TimeoutError) as error:
                self.close()
                raise RuntimeError(f"the renderer did not answer: {type(error).__name__}") from None
        finally:
            self._turn.release()
        if not made:
            raise RuntimeError(f"not rendered: {result}")
        return bytes(result)

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-W", "ignore", "-m", __name__]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self._child


def _write(pipe: Any, value: object, seconds: float) -> None:
    data = pickle.dumps(value)
    view, end = memoryview(_LENGTH.pack(len(data)) + data), time.monotonic() + seconds
    while view:
        if not select.select([], [pipe], [], max(0, end - time.monotonic()))[1]:
            raise TimeoutError
        view = view[os.write(pipe.fileno(), view[:65_536]) :]


def _read(pipe: Any, seconds: float) -> Any:
    end = time.monotonic() + seconds

    def exactly(count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            if not select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError
            if not (more := os.read(pipe.fileno(), min(count - len(found), 1 << 20))):
                raise EOFError
            found += more
        return bytes(found)

    return pickle.loads(exactly(_LENGTH.unpack(exactly(_LENGTH.size))[0]))


def work(source: BufferedIOBase, target: BufferedIOBase) -> None:
    """In the child: one document after the other, until the parent closes its end."""
    from extranet.core.documents import pdf

    while head := source.read(_LENGTH.size):
        html, options = pickle.loads(source.read(_LENGTH.unpack(head)[0]))
        try:
            answer: tuple[bool, Any] = (True, pdf.convert(html, **options))
        except Exception as error:  # its message may quote a family
            answer = (False, type(error).__name__)
        data = pickle.dumps(answer)
        target.write(_LENGTH.pack(len(data)) + data)
        target.flush()


def main() -> None:
    """Leave stdout to the documents alone, then work."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with bulk.fewer_collections():  # a page is a million objects that all stay until it is written: a fifth of its time
        work(sys.stdin.buffer, target)  # type: ignore[arg-type]


workshop = Workshop()

if __name__ == "__main__":
    main()
