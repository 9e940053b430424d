#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Count the primes below a number, by the sieve of Eratosthenes. */
static PyObject *
count(PyObject *module, PyObject *argument)
{
    Py_ssize_t limit = PyNumber_AsSsize_t(argument, PyExc_OverflowError);
    if (limit == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (limit < 3) { /* 2 is the first. */
        return PyLong_FromLong(0);
    }
    char *crossed = PyMem_Calloc((size_t)limit, 1);
    if (crossed == NULL) {
        return PyErr_NoMemory();
    }
    Py_ssize_t found = 0;
    for (Py_ssize_t number = 2; number < limit; number++) {
        if (crossed[number]) {
            continue;
        }
        found++;
        if (number > limit / number) {
            continue;
        }
        for (Py_ssize_t multiple = number * number; multiple < limit; multiple += number) {
            crossed[multiple] = 1;
        }
    }
    PyMem_Free(crossed);
    return PyLong_FromSsize_t(found);
}

static PyMethodDef methods[] = {
    {"count", count, METH_O, "Count the primes below a number."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "count_primes._sieve", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__sieve(void)
{
    return PyModuleDef_Init(&definition);
}
