/*
 * The extension module aerospike_py._codec: only what needs Python's headers, whose layouts differ
 * between builds of Python. The work is done in codec.zig.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <string.h>

struct {
    PyObject *singletons[3];
    PyObject *types[9];
    PyObject *exceptions[6];
    size_t type_offset;
    size_t body_offset;
} asz_python_headers;

typedef PyObject *const *Arguments;

PyObject *asz_codec_arrow_capsule(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_arrow_address(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_bind_values(PyObject *module, Arguments arguments, Py_ssize_t count);
PyObject *asz_codec_bind_results(PyObject *module, Arguments arguments, Py_ssize_t count);
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
PyObject *asz_row_key(PyObject *row, void *closure);
PyObject *asz_row_result(PyObject *row, void *closure);
PyObject *asz_row_in_doubt(PyObject *row, void *closure);
PyObject *asz_row_record(PyObject *row, void *closure);
PyObject *asz_row_bins(PyObject *row, void *closure);
PyObject *asz_row_text(PyObject *row, void *closure);

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

static PyGetSetDef row_members[] = {
    {"key", asz_row_key, NULL, NULL, NULL},
    {"result", asz_row_result, NULL, NULL, NULL},
    {"in_doubt", asz_row_in_doubt, NULL, NULL, NULL},
    {"record", asz_row_record, NULL, NULL, NULL},
    {"bins", asz_row_bins, NULL, NULL, NULL},
    {"_text", asz_row_text, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot row_slots[] = {
    {Py_tp_new, row_new},
    {Py_tp_dealloc, row_dealloc},
    {Py_tp_getset, row_members},
    {0, NULL},
};

static PyType_Spec row_spec = {
    "aerospike_py._codec.Row", sizeof(PyObject) + ROW_BODY_SIZE, 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, row_slots,
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "aerospike_py._codec", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__codec(void)
{
    PyObject *const singletons[] = {Py_None, Py_True, Py_False};
    PyObject *const types[] = {
        (PyObject *)&PyBool_Type,  (PyObject *)&PyLong_Type,  (PyObject *)&PyFloat_Type,
        (PyObject *)&PyUnicode_Type, (PyObject *)&PyBytes_Type, (PyObject *)&PyByteArray_Type,
        (PyObject *)&PyList_Type,  (PyObject *)&PyTuple_Type, (PyObject *)&PyDict_Type,
    };
    PyObject *const exceptions[] = {
        PyExc_ImportError,    PyExc_MemoryError, PyExc_OverflowError,
        PyExc_RecursionError, PyExc_TypeError,   PyExc_ValueError,
    };
    memcpy(asz_python_headers.singletons, singletons, sizeof singletons);
    memcpy(asz_python_headers.types, types, sizeof types);
    memcpy(asz_python_headers.exceptions, exceptions, sizeof exceptions);
    asz_python_headers.type_offset = offsetof(PyObject, ob_type);
    asz_python_headers.body_offset = sizeof(PyObject);
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) {
        return NULL;
    }
    PyObject *row = PyType_FromSpec(&row_spec);
    if (row == NULL || PyModule_AddObject(module, "Row", row) < 0) {
        Py_XDECREF(row);
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
