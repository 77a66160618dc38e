/* An op's attributes from VHLO's: structs are put together again from their parts, and what has its default is left out, as
 * StableHLO's own reader leaves it out (VhloLegalizeToStablehlo.cpp, removeDefaults). */
#include "stablehlo/read.h"

#include <string.h>

/* -- struct kinds ---------------------------------------------------------------------------------------- */

static size_t struct_size(AttrKind kind)
{
	switch (kind) {
	case KIND_CONV_DIMS:    return sizeof(ConvDims);
	case KIND_DOT_DIMS:     return sizeof(DotDims);
	case KIND_DOT_ALGORITHM: return sizeof(DotAlgorithm);
	case KIND_GATHER_DIMS:  return sizeof(GatherDims);
	default:                return sizeof(ScatterDims);
	}
}

static bool read_part(Read *r, uint32_t ref, const Part *part, char *p)
{
	int64_t i = 0;
	Ints ints = { 0 };
	DType t = DTYPE_none;
	bool b = false, ok = false;
	switch (part->how) {
	case PART_I64:  ok = attr_integer(r, ref, &i); memcpy(p, &i, sizeof i); break;
	case PART_DIMS: ok = attr_ints(r, ref, 1, &ints); memcpy(p, &ints, sizeof ints); break;
	case PART_ELEM: ok = attr_elem(r, ref, &t); memcpy(p, &t, sizeof t); break;
	case PART_BOOL: ok = attr_bool(r, ref, &b); memcpy(p, &b, sizeof b); break;
	}
	return ok;
}

/* Each part of a dot algorithm that is not there is VHLO's none. */
static bool is_none(Read *r, uint32_t ref)
{
	Cursor c, t;
	if (!open_attr(r, ref, &c) || c.dialect != VHLO_DIALECT || c.code != VHLO_TYPE) return false;
	return open_type(r, get_type(r, &c.r), &t) && t.dialect == VHLO_DIALECT && t.code == VHLO_NONE_TYPE;
}

static bool set_part(Read *r, uint32_t ref, AttrKind kind, const Part *part, Attr *x)
{
	if (kind == KIND_DOT_ALGORITHM && is_none(r, ref))
		return !x->set || fail(r->err, BAD_INPUT, "bytecode: a dot algorithm without %s", part->name);
	/* the first by name; a DotAlgorithm that has it has all */
	if (kind == KIND_DOT_ALGORITHM && !x->set && strcmp(part->name, "accumulation_type") != 0)
		return fail(r->err, BAD_INPUT, "bytecode: a dot algorithm without accumulation_type");
	if (!x->set) x->any = arena_alloc(r->a, 1, struct_size(kind));
	x->set = true;
	return read_part(r, ref, part, (char *)(uintptr_t)x->any + part->at);
}

/* -- lists ----------------------------------------------------------------------------------------------- */

static bool all_are(Ints x, int64_t v)
{
	for (int i = 0; i < x.n; i++)
		if (x.v[i] != v) return false;
	return true;
}

static bool read_list(Read *r, uint32_t ref, const AttrDef *def, Attr *x)
{
	x->set = true;
	return attr_ints(r, ref, def->kind == KIND_PADDING ? 2 : 1, &x->ints);
}

static bool read_precision(Read *r, uint32_t ref, Attr *x)
{
	int n;
	const uint32_t *item;
	if (!attr_items(r, ref, &n, &item)) return false;
	int64_t *v = NEW(r->a, int64_t, n + 1);
	for (int i = 0; i < n; i++)
		if (!attr_enum(r, item[i], VHLO_PRECISION, 3, &v[i])) return false;
	x->set = true;
	x->ints = (Ints){ n, v };
	return true;
}

static bool read_symbols(Read *r, uint32_t ref, Attr *x)
{
	int n;
	const uint32_t *item;
	if (!attr_items(r, ref, &n, &item)) return false;
	const char **v = NEW(r->a, const char *, n + 1);
	for (int i = 0; i < n; i++)
		if (!attr_string(r, item[i], &v[i])) return false;
	x->set = true;
	x->syms.n = n;
	x->syms.v = v;
	return true;
}

/* {handle, type}, each an attribute of its own; a CHANNEL's type is not written and is 0. */
static bool read_channel(Read *r, uint32_t ref, const char *name, Attr *x)
{
	int64_t i;
	if (!attr_integer(r, ref, &i)) return false;
	int64_t *v = NEW(r->a, int64_t, 2);
	if (x->set) memcpy(v, x->ints.v, 2 * sizeof *v);
	v[!strcmp(name, "channel_type")] = i;
	x->set = true;
	x->ints = (Ints){ 2, v };
	return true;
}

static bool read_tree(Read *r, uint32_t ref, const AttrDef *def, Attr *x)
{
	Any any;
	if (!read_any(r, ref, def->kind == KIND_LAYOUTS, &any)) return false;
	bool ok = def->kind == KIND_DICT ? any.kind == ANY_DICT : def->kind == KIND_STR_OR_DICT ? any.kind == ANY_DICT || any.kind == ANY_STR
	        : any.kind == ANY_ARRAY;
	if (!ok) return fail(r->err, BAD_INPUT, "bytecode: '%s' is an attribute of another kind", def->name);
	x->set = true;
	x->any = COPY(r->a, Any, &any, 1);
	return true;
}

/* Groups and pairs of devices: who checks them looks at each, so a splat must not stand for more than a file would list. */
static bool read_devices(Read *r, uint32_t ref, Attr *x)
{
	enum { MOST = 1 << 20 };
	if (!attr_dense(r, ref, &x->dense)) return false;
	return !x->dense->splat || type_numel(x->dense->type) <= MOST
	    || fail(r->err, BAD_INPUT, "bytecode: one number for all of %s", type_str(&r->scratch, x->dense->type));
}

/* -- one attribute --------------------------------------------------------------------------------------- */

static bool read_enum(Read *r, uint32_t ref, enum Code_number code, int n, Attr *x)
{
	x->set = true;
	return attr_enum(r, ref, code, n, &x->i);
}

static bool read_flag(Read *r, uint32_t ref, Attr *x)
{
	bool b = false;
	bool ok = attr_bool(r, ref, &b);
	x->set = true;
	x->i = b;
	return ok;
}

static bool read_plain(Read *r, uint32_t ref, const AttrDef *def, Attr *x)
{
	x->set = true;
	switch (def->kind) {
	case KIND_I64: case KIND_I32:      return attr_integer(r, ref, &x->i);
	case KIND_F32:                     return attr_f32(r, ref, &x->f);
	case KIND_BOOL: case KIND_UNIT:    return read_flag(r, ref, x);
	case KIND_STR: case KIND_SYMBOL:   return attr_string(r, ref, &x->str);
	case KIND_SYMBOLS:                 return read_symbols(r, ref, x);
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING:
	                                   return read_list(r, ref, def, x);
	case KIND_PRECISION:               return read_precision(r, ref, x);
	case KIND_ACCURACY:                return attr_accuracy(r, ref, &x->accuracy);
	case KIND_DENSE:                   return attr_dense(r, ref, &x->dense);
	case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS:
	                                   return read_devices(r, ref, x);
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES:
	                                   return read_tree(r, ref, def, x);
	case KIND_DIRECTION:               return read_enum(r, ref, VHLO_COMPARISON_DIRECTION, 6, x);
	case KIND_COMPARE_TYPE:            return read_enum(r, ref, VHLO_COMPARISON_TYPE, 5, x);
	case KIND_FFT_TYPE:                return read_enum(r, ref, VHLO_FFT_TYPE, 4, x);
	case KIND_TRANSPOSE:               return read_enum(r, ref, VHLO_TRANSPOSE, 4, x);
	case KIND_RNG_ALGORITHM:           return read_enum(r, ref, VHLO_RNG_ALGORITHM, 3, x);
	case KIND_RNG_DISTRIBUTION:        return read_enum(r, ref, VHLO_RNG_DISTRIBUTION, 3, x);
	case KIND_API_VERSION:             return read_enum(r, ref, VHLO_API_VERSION, 5, x);
	default:                           return fail(r->err, BAD_INPUT, "bytecode: no way to read '%s'", def->name);
	}
}

/* -- defaults -------------------------------------------------------------------------------------------- */

static bool is_plain_accuracy(const Accuracy *x) { return x->atol == 0 && x->rtol == 0 && !x->ulps && !x->mode; }

static bool is_empty(const Any *any) { return any->kind == ANY_STR ? !*any->str : any->n == 0; }

/* Has it the row's default? */
static bool is_otherwise(const AttrDef *def, const Attr *x)
{
	switch (def->kind) {
	case KIND_I64: case KIND_I32:      return x->i == (*def->otherwise == '-' ? -1 : 0);
	case KIND_BOOL: case KIND_UNIT: case KIND_COMPARE_TYPE:
	                                   return !x->i;
	case KIND_API_VERSION:             return x->i == 1;
	case KIND_STR:                     return !*x->str;
	case KIND_SYMBOLS:                 return !x->syms.n;
	case KIND_DIMS:                    return *def->otherwise != '1' ? !x->ints.n
	                                        : x->ints.n && all_are(x->ints, 1) && strcmp(def->name, "window_dimensions") != 0;
	case KIND_BOOLS: case KIND_PADDING: return x->ints.n && all_are(x->ints, 0);
	case KIND_PRECISION:               return all_are(x->ints, PRECISION_DEFAULT);
	case KIND_CHANNEL:                 return !x->ints.v[0];
	case KIND_ACCURACY:                return is_plain_accuracy(x->accuracy);
	case KIND_I64_ELEMENTS:            return !x->dense->nbytes;
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES:
	                                   return is_empty(x->any);
	default:                           return false;
	}
}

/* A call has the layouts of its operands and results, or neither. */
static bool is_half_of_layouts(OpCode code, const AttrDef *def, const Attr *attr)
{
	if (code != OP_custom_call || def->kind != KIND_LAYOUTS || !strcmp(def->name, "result_tilings")) return false;
	const Attr *in = &attr[op_attr_index(code, "operand_layouts")], *out = &attr[op_attr_index(code, "result_layouts")];
	return in->set && out->set && (in->any->n || out->any->n);
}

void leave_out_defaults(OpCode code, Attr *attr)
{
	const AttrDef *def = op_table[code].attr;
	bool out[MAX_ATTRS] = { false };
	for (int i = 0; def[i].name; i++)
		out[i] = attr[i].set && def[i].otherwise && is_otherwise(&def[i], &attr[i]) && !is_half_of_layouts(code, &def[i], attr);
	for (int i = 0; def[i].name; i++)
		if (out[i]) attr[i] = (Attr){ 0 };
}

bool op_attrs_read(Read *r, OpCode code, int nfield, const Field *field, const uint32_t *ref, Attr *attr)
{
	for (int i = 0; i < nfield; i++) {
		if (field[i].attr == NO_ATTR) continue;
		const AttrDef *def = &op_table[code].attr[field[i].attr];
		Attr *x = &attr[field[i].attr];
		bool channel = def->kind == KIND_CHANNEL || def->kind == KIND_CHANNEL_AND_TYPE;
		bool ok = field[i].part ? set_part(r, ref[i], def->kind, field[i].part, x)
		        : channel ? read_channel(r, ref[i], field[i].name, x) : read_plain(r, ref[i], def, x);
		if (!ok) return err_at(r->err, "'%s'", field[i].name);
	}
	leave_out_defaults(code, attr);
	return !failed(r);
}
