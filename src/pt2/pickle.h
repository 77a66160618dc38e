/* What torch.save wrote, as far as it is tensors, numbers and strings in lists, tuples and dicts.
 *
 * The file is a zip of its own: <root>/data.pkl, a pickle of protocol 2 (CPython's pickletools.py
 * documents each opcode), and <root>/data/<key>, the storages. A pickle is a program for a stack machine
 * that may call anything; this machine knows only the few functions by which torch rebuilds tensors
 * (pickle.c, functions[]) and calls nothing else. */
#ifndef PT2_PICKLE_H
#define PT2_PICKLE_H

#include "program/program.h"
#include "pt2/zip.h"

typedef enum PKind {
	P_NONE, P_BOOL, P_INT, P_FLOAT, P_STR, P_TUPLE, P_LIST, P_DICT, P_TENSOR,
	P_SUBCLASS,                 /* a tensor subclass: list holds its attributes */
	P_FUNCTION, P_CLASS, P_STORAGE_CLASS, P_STORAGE, P_DTYPE, P_OBJECT, P_MARK      /* only inside the machine */
} PKind;

typedef struct PList PList;

typedef struct PVal {
	PKind kind;
	union {
		bool b;
		int64_t i;
		double f;
		const char *str;
		PList *list;        /* TUPLE, LIST; DICT, SUBCLASS: key, value, key, value */
		Tensor *tensor;     /* its name is NULL */
		struct PStorage *storage;
		int function;
		DType dtype;        /* DTYPE; STORAGE_CLASS: of its elements, DTYPE_none when untyped */
	};
} PVal;

struct PList { VEC(PVal) item; };

/* Borrows the bytes; all values live in the arena. */
typedef struct Pickle {
	Arena *a;
	Err *err;
	const char *what;
	Zip zip;
	const char *root;           /* "archive/" */
	bool subclasses;            /* tensor subclasses are read; of their attributes those that are no tensors are left out */
} Pickle;

bool pickle_open(Pickle *p, Arena *a, const uint8_t *bytes, size_t n, const char *what, Err *e);
bool pickle_load(Pickle *p, PVal *out);

/* "a dict", for messages. */
const char *pickle_kind(PVal v);

/* The leaves below v in torch.utils._pytree's order, None among them; dicts in the order they were
 * written. */
typedef VEC(PVal) PLeaves;
bool pickle_leaves(Pickle *p, PVal v, PLeaves *out);

#endif
