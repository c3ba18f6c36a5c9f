"""The program that executes calls on the cluster, under whatever Python 3 is there; it travels with the run.

``python3 ../call.pyz COUNT FIRST:LAST`` executes the calls from FIRST up to, not including, LAST, in this order.
"""

import json
import os
import pickle
import sys
import traceback
from typing import Any, Dict, List

# The exit code when the Python here is not the one the function was pickled with.
OTHER_PYTHON = 116
# Old enough for every Python 3 that may be there.
PROTOCOL = 4


def dumps(value: Any) -> bytes:
    try:
        import cloudpickle  # type: ignore[import-untyped]
    except (ImportError, SyntaxError):  # it wants a newer Python than this
        return pickle.dumps(value, PROTOCOL)
    return bytes(cloudpickle.dumps(value, PROTOCOL))


def left(index: int, said: Dict[str, Any], body: bytes = b"") -> None:
    """Write what came of a call, in one step; what a file server has not on disk is no answer yet."""
    folder = os.path.join(os.environ["JIDO_RUN"], "returned")
    os.makedirs(folder, exist_ok=True)
    said["python"] = list(sys.version_info[:2])
    # By value travels what is compiled for one version of Python.
    said["by_value"] = b"cloudpickle" in body
    new = os.path.join(folder, "%d.new.%d" % (index, os.getpid()))
    with open(new, "wb") as file:
        file.write(json.dumps(said).encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, os.path.join(folder, str(index)))


def failed(index: int, error: BaseException) -> None:
    # The first frame is this program's own.
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    text = "".join(traceback.format_exception(type(error), error, frames))
    sys.stderr.write(text)
    said = {"ok": False, "error": "".join(traceback.format_exception_only(type(error), error)).strip(), "text": text}
    try:
        body = dumps(error.with_traceback(None)) if isinstance(error, Exception) else b""
    except Exception:
        body = b""
    left(index, said, body)


def call(index: int, function: bytes, arguments: bytes) -> bool:
    try:
        args, kwargs = pickle.loads(arguments)
        value = pickle.loads(function)(*args, **kwargs)
    except BaseException as error:  # SystemExit too: the calls after it are not its business
        failed(index, error)
        return False
    try:
        body = dumps(value)
    except Exception as error:
        failed(index, TypeError("its result cannot be pickled: %s: %s" % (type(error).__name__, error)))
        return False
    left(index, {"ok": True}, body)
    return True


def main(argv: List[str]) -> int:
    first, last = (int(word) for word in argv[2].split(":"))
    with open(os.path.join(os.environ["JIDO_RUN"], "call.in"), "rb") as file:
        head = json.loads(file.readline().decode())
        begin = file.tell()

        def part(place: List[int]) -> bytes:
            file.seek(begin + place[0])
            return file.read(place[1])

        here, there = list(sys.version_info[:2]), head["python"]
        if head["by_value"] and here != there:
            sys.stderr.write(
                "jido: %s is Python %d.%d, the function is of Python %d.%d\n" % (sys.executable, *here, *there)
            )
            for index in range(first, last):
                left(index, {"ok": False, "other_python": sys.executable})
            return OTHER_PYTHON
        # The project's own modules, as they are found at home.
        sys.path[0:0] = [os.path.join(os.getcwd(), path) if path else os.getcwd() for path in head["paths"]]
        function = part(head["function"])
        # Every one is executed, whatever became of the one before.
        good = [call(index, function, part(head["items"][index])) for index in range(first, last)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
