/* The tables of vhlo.def that both directions read. */
#include "stablehlo/bytecode.h"

#include <stddef.h>
#include <string.h>

const char *const dialect_name[NDIALECTS] = { "builtin", "vhlo" };
const char *const func_field[NFUNC_FIELDS] = { "arg_attrs", "function_type", "res_attrs", "sym_name", "sym_visibility" };

const int vhlo_elem_code[NDTYPES] = {
#define ELEM(t, code, since, builtin) [DTYPE_##t] = code,
#include "stablehlo/vhlo.def"
};

const int builtin_elem_code[NDTYPES] = {
#define ELEM(t, code, since, builtin) [DTYPE_##t] = builtin,
#include "stablehlo/vhlo.def"
};

static const Part parts[] = {
#define PART(kind, type, member, name, how, since) { KIND_##kind, name, offsetof(type, member), PART_##how, since },
#include "stablehlo/vhlo.def"
};

const Part *parts_of(AttrKind kind, int *n)
{
	size_t first = 0, end;
	while (first < sizeof parts / sizeof *parts && parts[first].kind != kind) first++;
	for (end = first; end < sizeof parts / sizeof *parts && parts[end].kind == kind; end++) {}
	*n = (int)(end - first);
	return parts + first;
}

typedef struct List { Field *v; int n; } List;

static void add(List *list, const char *name, int attr, const Part *part)
{
	int k = list->n++;
	for (; k > 0 && strcmp(list->v[k - 1].name, name) > 0; k--) list->v[k] = list->v[k - 1];
	list->v[k] = (Field){ name, attr, part };
}

static void add_parts(List *list, AttrKind kind, int attr, int version)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].kind == kind && parts[i].since <= version) add(list, parts[i].name, attr, &parts[i]);
}

int op_fields(OpCode code, int version, Field *out)
{
	const AttrDef *def = op_table[code].attr;
	List list = { out, 0 };
	for (int i = 0; def[i].name; i++) {
		if (def[i].since > version) continue;
		switch (def[i].kind) {
		case KIND_CONV_DIMS: case KIND_DOT_DIMS: case KIND_DOT_ALGORITHM: case KIND_GATHER_DIMS: case KIND_SCATTER_DIMS:
			add_parts(&list, def[i].kind, i, version);
			break;
		case KIND_CHANNEL_AND_TYPE:
			add(&list, "channel_type", i, NULL);
			add(&list, "channel_id", i, NULL);
			break;
		case KIND_CHANNEL:
			add(&list, "channel_id", i, NULL);
			break;
		default:
			add(&list, def[i].name, i, NULL);
		}
	}
	/* dynamic_conv v1 had its padding twice: as an operand and, ignored, as an attribute. */
	if (code == OP_dynamic_conv && version == 1) add(&list, "padding", NO_ATTR, NULL);
	return list.n;
}
