"""Describes the cffi extensions `aerospike_py._ffi` and `aerospike_py.devserver._ffi`.

Run by setup.py, not part of the package's API. The declarations are cut from the C headers that
ship with the libraries, so they are typed once.
"""

import os
import sys
import sysconfig
from pathlib import Path

from cffi import FFI

_HEADERS = Path(__file__).resolve().parent.parent / "native" / "include"

# Python functions that the libraries, and readers of Arrow, call: defined with ffi.def_extern in
# aerospike_py._native and aerospike_py.devserver._library.
_CALLBACKS = """
extern "Python" int32_t asz_python_interrupt_check(void);
extern "Python" int asz_python_stream_schema(struct ArrowArrayStream *, struct ArrowSchema *out);
extern "Python" int asz_python_stream_next(struct ArrowArrayStream *, struct ArrowArray *out);
extern "Python" const char *asz_python_stream_error(struct ArrowArrayStream *);
extern "Python" void asz_python_stream_released(struct ArrowArrayStream *);
void asz_python_stream_release(struct ArrowArrayStream *);
int asz_python_claim(int64_t interpreter);
"""
# Readers of Arrow release a stream whenever they let go of it: also while an exception is on its
# way through them, which no function of Python's may be called with. Some end the process if the
# stream has not marked itself released.
# Functions of Python's are called in the interpreter that a thread was first in, and there are one
# log and one set of metrics to a process: so one interpreter of it has the package.
_SOURCE = """
static void asz_python_stream_released(struct ArrowArrayStream *);

static void asz_python_stream_release(struct ArrowArrayStream *stream)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    asz_python_stream_released(stream);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
    stream->release = NULL;
}

/* Whether the interpreter is the one that has the package. */
static int asz_python_claim(int64_t interpreter)
{
    static int64_t owner = -1;
    if (owner < 0) {
        owner = interpreter;
    }
    return owner == interpreter;
}
"""
_DEVSERVER_CALLBACKS = """
extern "Python" int32_t asz_python_run_function(void *context, const uint8_t *request,
                                                uint64_t request_len, asz_devserver_answer *answer);
"""


def _declarations(header: str) -> str:
    declarations = header.split("/* cdef:begin */")[1].split("/* cdef:end */")[0]
    lines = []
    for line in declarations.splitlines():
        words = line.split()
        if words[:1] in (["#ifndef"], ["#endif"]) or (words[:1] == ["#define"] and len(words) == 2):
            continue  # For compilers, which may have read the same elsewhere.
        if words[:1] == ["#define"]:
            # cffi reads "..." as "take the value from the C compiler".
            line = f"#define {words[1]} ..."
        lines.append(line)
    return "\n".join(lines)


def _make(module: str, header: str, callbacks: str, functions: str = "") -> FFI:
    source = (_HEADERS / header).read_text(encoding="utf-8")
    builder = FFI()
    builder.cdef(_declarations(source) + callbacks)
    # setup.py may build for another platform than this one.
    target = os.environ.get("AEROSPIKE_PY_TARGET") or sys.platform
    is_macos = "macos" in target or target == "darwin"
    origin = "@loader_path" if is_macos else "$ORIGIN"
    builder.set_source(
        module,
        source + functions,
        extra_link_args=[f"-Wl,-rpath,{origin}"],
        py_limited_api=not sysconfig.get_config_var("Py_GIL_DISABLED"),
    )
    return builder


ffibuilder = _make("aerospike_py._ffi", "aerospike_zig.h", _CALLBACKS, _SOURCE)
devserver_ffibuilder = _make(
    "aerospike_py.devserver._ffi", "aerospike_devserver.h", _DEVSERVER_CALLBACKS
)
