/*
 * The extension module aerospike_py._codec: only what needs Python's headers, whose layouts differ
 * between builds of Python. The work is done in codec.zig.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct {
    PyObject *singletons[3];
    PyObject *types[9];
    PyObject *exceptions[8];
    size_t type_offset;
    size_t body_offset;
} asz_python_headers;

typedef PyObject *const *Arguments;

PyObject *asz_codec_arrow_capsule(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_arrow_address(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_bind_values(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_bind_results(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_interpreter(PyObject *module, PyObject *nothing);
PyObject *asz_codec_bind_library(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_bind_completions(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_execute(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_nothing(PyObject *module, PyObject *data);
PyObject *asz_codec_or_default(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_key_request(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_submit_directly(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_submit_key(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_submitter(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_collect(PyObject *module, PyObject *target);
PyObject *asz_codec_settle(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_resolve(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_pack(PyObject *module, PyObject *value);
PyObject *asz_codec_pack_key(PyObject *module, PyObject *key);
PyObject *asz_codec_pack_put(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_pack_operate(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_pack_plain(PyObject *module, PyObject *value);
PyObject *asz_codec_pack_batch(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_skip(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_unpack(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_value(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_record(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_exists(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_ordered(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_records(PyObject *module, PyObject *data);
PyObject *asz_codec_unpack_rows(PyObject *module, Arguments arguments, Py_ssize_t count);

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
    {"arrow_capsule", FAST(asz_codec_arrow_capsule), METH_FASTCALL, NULL},
    {"arrow_address", FAST(asz_codec_arrow_address), METH_FASTCALL, NULL},
    {"bind_values", FAST(asz_codec_bind_values), METH_FASTCALL, NULL},
    {"bind_results", FAST(asz_codec_bind_results), METH_FASTCALL, NULL},
    {"interpreter", asz_codec_interpreter, METH_NOARGS, NULL},
    {"bind_library", FAST(asz_codec_bind_library), METH_FASTCALL, NULL},
    {"bind_completions", FAST(asz_codec_bind_completions), METH_FASTCALL, NULL},
    {"execute", FAST(asz_codec_execute), METH_FASTCALL, NULL},
    {"nothing", asz_codec_nothing, METH_O, NULL},
    {"or_default", FAST(asz_codec_or_default), METH_FASTCALL, NULL},
    {"key_request", FAST(asz_codec_key_request), METH_FASTCALL, NULL},
    {"submit_directly", FAST(asz_codec_submit_directly), METH_FASTCALL, NULL},
    {"submit_key", FAST(asz_codec_submit_key), METH_FASTCALL, NULL},
    {"submitter", FAST(asz_codec_submitter), METH_FASTCALL, NULL},
    {"collect", asz_codec_collect, METH_O, NULL},
    {"settle", FAST(asz_codec_settle), METH_FASTCALL, NULL},
    {"resolve", FAST(asz_codec_resolve), METH_FASTCALL, NULL},
    {"pack", asz_codec_pack, METH_O, NULL},
    {"pack_key", asz_codec_pack_key, METH_O, NULL},
    {"pack_put", FAST(asz_codec_pack_put), METH_FASTCALL, NULL},
    {"pack_operate", FAST(asz_codec_pack_operate), METH_FASTCALL, NULL},
    {"pack_plain", asz_codec_pack_plain, METH_O, NULL},
    {"pack_batch", FAST(asz_codec_pack_batch), METH_FASTCALL, NULL},
    {"skip", FAST(asz_codec_skip), METH_FASTCALL, NULL},
    {"unpack", asz_codec_unpack, METH_O, NULL},
    {"unpack_value", asz_codec_unpack_value, METH_O, NULL},
    {"unpack_record", asz_codec_unpack_record, METH_O, NULL},
    {"unpack_exists", asz_codec_unpack_exists, METH_O, NULL},
    {"unpack_ordered", asz_codec_unpack_ordered, METH_O, NULL},
    {"unpack_records", asz_codec_unpack_records, METH_O, NULL},
    {"unpack_rows", FAST(asz_codec_unpack_rows), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

/* What a row has beside what every object has: see Row.zig. */
#define ROW_BODY_SIZE 64

void asz_row_init(PyObject *row, PyObject *key, int status, int in_doubt, PyObject *record,
                  PyObject *text);
void asz_row_deinit(PyObject *row);

static PyObject *row_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"key", "result", "in_doubt", "record", "text", NULL};
    PyObject *key, *record, *text = Py_None;
    int status, in_doubt;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OipO|O", names, &key, &status, &in_doubt,
                                     &record, &text)) {
        return NULL;
    }
    PyObject *row = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (row != NULL) {
        asz_row_init(row, key, status, in_doubt, record, text);
    }
    return row;
}

static void row_dealloc(PyObject *row)
{
    PyTypeObject *type = Py_TYPE(row);
    asz_row_deinit(row);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(row);
    Py_DECREF(type);
}

/* The state of a module, and what its rows have for Python, which are there as long as it is. */
extern const size_t asz_codec_state_size;
PyGetSetDef *asz_codec_init(PyObject *module);
int asz_codec_traverse(PyObject *module, visitproc visit, void *argument);
void asz_codec_clear(PyObject *module);
void asz_codec_deinit(PyObject *module);

static int make_row(PyObject *module, PyGetSetDef *members)
{
    PyType_Slot slots[] = {
        {Py_tp_new, row_new},
        {Py_tp_dealloc, row_dealloc},
        {Py_tp_getset, members},
        {0, NULL},
    };
    PyType_Spec spec = {
        "aerospike_py._codec.Row", sizeof(PyObject) + ROW_BODY_SIZE, 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots,
    };
    PyObject *row = PyType_FromModuleAndSpec(module, &spec, NULL);
    if (row == NULL) {
        return -1;
    }
    int status = PyModule_AddObjectRef(module, "Row", row);
    Py_DECREF(row);
    return status;
}

/* What the garbage collector knows: Submitter.zig and Operation.zig. */
static void collected_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    ((inquiry)PyType_GetSlot(type, Py_tp_clear))(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

#define SUBMITTER_BODY_SIZE 128

PyObject *asz_submitter_run(PyObject *submitter, PyObject *request);
PyObject *asz_submitter_start(PyObject *submitter, Arguments arguments, Py_ssize_t count);
PyObject *asz_submitter_keep(PyObject *submitter, Arguments arguments, Py_ssize_t count);
PyObject *asz_submitter_keeps(PyObject *submitter, PyObject *token);
PyObject *asz_submitter_kept(PyObject *submitter, PyObject *nothing);
PyObject *asz_submitter_forget(PyObject *submitter, PyObject *token);
PyObject *asz_submitter_abandon(PyObject *submitter, PyObject *token);
PyObject *asz_submitter_flush(PyObject *submitter, PyObject *end_of_tick);
Py_ssize_t asz_submitter_length(PyObject *submitter);
PyObject *asz_submitter_latest(PyObject *submitter, void *closure);
int asz_submitter_visit(PyObject *submitter, visitproc visit, void *argument);
int asz_submitter_clear(PyObject *submitter);

static int submitter_traverse(PyObject *submitter, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(submitter));
    return asz_submitter_visit(submitter, visit, arg);
}

static PyMethodDef submitter_methods[] = {
    {"run", asz_submitter_run, METH_O, NULL},
    {"start", FAST(asz_submitter_start), METH_FASTCALL, NULL},
    {"keep", FAST(asz_submitter_keep), METH_FASTCALL, NULL},
    {"keeps", asz_submitter_keeps, METH_O, NULL},
    {"kept", asz_submitter_kept, METH_NOARGS, NULL},
    {"forget", asz_submitter_forget, METH_O, NULL},
    {"abandon", asz_submitter_abandon, METH_O, NULL},
    {"flush", asz_submitter_flush, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef submitter_members[] = {
    {"latest", asz_submitter_latest, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot submitter_slots[] = {
    {Py_tp_dealloc, collected_dealloc},
    {Py_tp_traverse, submitter_traverse},
    {Py_tp_clear, asz_submitter_clear},
    {Py_sq_length, asz_submitter_length},
    {Py_tp_methods, submitter_methods},
    {Py_tp_getset, submitter_members},
    {0, NULL},
};

#define OPERATION_BODY_SIZE 40

PySendResult asz_operation_send(PyObject *operation, PyObject *value, PyObject **given);
PyObject *asz_operation_next(PyObject *operation);
PyObject *asz_operation_send_method(PyObject *operation, PyObject *value);
PyObject *asz_operation_throw(PyObject *operation, Arguments arguments, Py_ssize_t count);
PyObject *asz_operation_close(PyObject *operation, PyObject *nothing);
int asz_operation_visit(PyObject *operation, visitproc visit, void *argument);
int asz_operation_clear(PyObject *operation);

static PyObject *itself(PyObject *object)
{
    return Py_NewRef(object);
}

static int operation_traverse(PyObject *operation, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(operation));
    return asz_operation_visit(operation, visit, arg);
}

static PyMethodDef operation_methods[] = {
    {"send", asz_operation_send_method, METH_O, NULL},
    {"throw", FAST(asz_operation_throw), METH_FASTCALL, NULL},
    {"close", asz_operation_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot operation_slots[] = {
    {Py_tp_dealloc, collected_dealloc},
    {Py_tp_traverse, operation_traverse},
    {Py_tp_clear, asz_operation_clear},
    {Py_tp_iter, itself},
    {Py_tp_iternext, asz_operation_next},
    {Py_am_await, itself},
    {Py_am_send, asz_operation_send},
    {Py_tp_methods, operation_methods},
    {0, NULL},
};

#define MADE_HERE_ALONE \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION)

static PyObject *make_type(PyObject *module, const char *name, int body_size, PyType_Slot *slots)
{
    PyType_Spec spec = {name, (int)sizeof(PyObject) + body_size, 0, MADE_HERE_ALONE, slots};
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    if (type != NULL && PyModule_AddObjectRef(module, strrchr(name, '.') + 1, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

void asz_codec_take_types(PyObject *module, PyObject *submitter, PyObject *operation);

static int make_waiting_types(PyObject *module)
{
    PyObject *submitter, *operation;
    submitter = make_type(module, "aerospike_py._codec.Submitter", SUBMITTER_BODY_SIZE,
                          submitter_slots);
    operation = make_type(module, "aerospike_py._codec.Operation", OPERATION_BODY_SIZE,
                          operation_slots);
    if (submitter != NULL && operation != NULL) {
        asz_codec_take_types(module, submitter, operation);
    }
    int status = submitter != NULL && operation != NULL ? 0 : -1;
    Py_XDECREF(submitter);
    Py_XDECREF(operation);
    return status;
}

static int module_exec(PyObject *module)
{
    if (make_row(module, asz_codec_init(module)) < 0) {
        return -1;
    }
    return make_waiting_types(module);
}

static int module_clear(PyObject *module)
{
    asz_codec_clear(module);
    return 0;
}

static void module_free(void *module)
{
    asz_codec_deinit(module);
}

/* What the oldest headers do not have, and older versions of Python refuse. */
#define MULTIPLE_INTERPRETERS 3
#define MULTIPLE_INTERPRETERS_SINCE 12
#define EACH_WITH_A_LOCK_OF_ITS_OWN ((void *)2)

/* Of the Python that runs: one build serves many. */
static long minor_version(void)
{
    return strtol(Py_GetVersion() + strlen("3."), NULL, 10);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "aerospike_py._codec", NULL, 0, methods, slots,
    asz_codec_traverse, module_clear, module_free,
};

static void take_headers(void)
{
    PyObject *const singletons[] = {Py_None, Py_True, Py_False};
    PyObject *const types[] = {
        (PyObject *)&PyBool_Type,  (PyObject *)&PyLong_Type,  (PyObject *)&PyFloat_Type,
        (PyObject *)&PyUnicode_Type, (PyObject *)&PyBytes_Type, (PyObject *)&PyByteArray_Type,
        (PyObject *)&PyList_Type,  (PyObject *)&PyTuple_Type, (PyObject *)&PyDict_Type,
    };
    PyObject *const exceptions[] = {
        PyExc_ImportError,    PyExc_MemoryError, PyExc_OverflowError,
        PyExc_RecursionError, PyExc_RuntimeError, PyExc_StopIteration,
        PyExc_TypeError,      PyExc_ValueError,
    };
    memcpy(asz_python_headers.singletons, singletons, sizeof singletons);
    memcpy(asz_python_headers.types, types, sizeof types);
    memcpy(asz_python_headers.exceptions, exceptions, sizeof exceptions);
    asz_python_headers.type_offset = offsetof(PyObject, ob_type);
    asz_python_headers.body_offset = sizeof(PyObject);
}

extern const int asz_codec_is_free_threaded;
#ifdef Py_GIL_DISABLED
#define IS_FREE_THREADED 1
#else
#define IS_FREE_THREADED 0
#endif

/* Objects have another layout without the lock: nothing may be touched before this. */
static int is_for_this_python(void)
{
    int has_no_lock = strstr(Py_GetVersion(), "free-threading build") != NULL;
    if (has_no_lock == IS_FREE_THREADED && has_no_lock == asz_codec_is_free_threaded) {
        return 1;
    }
    PyErr_SetString(PyExc_ImportError,
                    has_no_lock ? "this build of aerospike_py is for a Python with the global "
                                  "interpreter lock, which this one (free-threaded) has not"
                                : "this build of aerospike_py is for a free-threaded Python, and "
                                  "this one has the global interpreter lock");
    return 0;
}

/* Every interpreter of a process comes here, and finds all of this as it is. */
PyMODINIT_FUNC PyInit__codec(void)
{
    if (!is_for_this_python()) {
        return NULL;
    }
    take_headers();
    definition.m_size = (Py_ssize_t)asz_codec_state_size;
    if (minor_version() >= MULTIPLE_INTERPRETERS_SINCE) {
        slots[sizeof slots / sizeof slots[0] - 2] = (PyModuleDef_Slot){MULTIPLE_INTERPRETERS, EACH_WITH_A_LOCK_OF_ITS_OWN};
    }
    return PyModuleDef_Init(&definition);
}
