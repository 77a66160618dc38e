/* An op's attributes in VHLO: every one of them, defaults too, under VHLO's names
 * (StablehloLegalizeToVhlo.cpp). */
#include "stablehlo/write.h"

#include <string.h>

static Ref boolean(Writer *w, bool v) { return vhlo_enum(w, VHLO_BOOLEAN, v); }

static Ref dims(Writer *w, Ints x)
{
	int64_t dim[1] = { x.n };
	return vhlo_ints(w, 1, dim, x.v);
}

/* -- struct kinds: several attributes -------------------------------------------------------------------- */

static Ref part_attr(Writer *w, How how, const char *p)
{
	int64_t i;
	Ints ints;
	DType t;
	bool b;
	switch (how) {
	case PART_I64:  memcpy(&i, p, sizeof i); return vhlo_integer(w, DTYPE_i64, i);
	case PART_DIMS: memcpy(&ints, p, sizeof ints); return dims(w, ints);
	case PART_ELEM: memcpy(&t, p, sizeof t); return vhlo_elem_attr(w, t);
	case PART_BOOL: memcpy(&b, p, sizeof b); break;
	}
	return boolean(w, b);
}

/* Of a struct that is not given each part is VHLO's none. */
static Ref part_of(Writer *w, const Part *p, const Attr *x)
{
	return x->set ? part_attr(w, p->how, (const char *)x->any + p->at) : vhlo_elem_attr(w, DTYPE_none);
}

/* -- lists ----------------------------------------------------------------------------------------------- */

static const Attr *attr_of(const Op *op, const char *name)
{
	int i = op_attr_index(op->code, name);
	return i < 0 || !op->attr[i].set ? NULL : &op->attr[i];
}

/* How many dimensions the window of the op has: what a left-out list is filled up to. */
static int window_rank(const Op *op)
{
	const Attr *x = attr_of(op, "dimension_numbers");
	if (x && (op->code == OP_convolution || op->code == OP_dynamic_conv)) return x->conv->input_spatial.n;
	x = attr_of(op, "window_dimensions");
	return x ? x->ints.n : 0;
}

static Ref filled(Writer *w, int rank, int64_t n, int64_t v)
{
	int64_t dim[2] = { n, 2 }, *p = NEW(&w->a, int64_t, 2 * n + 1);
	for (int64_t i = 0; i < 2 * n; i++) p[i] = v;
	return vhlo_ints(w, rank, dim, p);
}

static Ref dims_attr(Writer *w, const Op *op, const AttrDef *def, const Attr *x)
{
	if (x->set) return dims(w, x->ints);
	if (*def->otherwise != '1') return dims(w, (Ints){ 0 });
	if (!strcmp(def->name, "window_dimensions"))
		fail(w->m->err, UNSUPPORTED, "window_dimensions is left out, and VHLO has no default for it");
	return filled(w, 1, window_rank(op), 1);
}

static Ref padding_attr(Writer *w, const Op *op, const Attr *x)
{
	if (!x->set) return filled(w, 2, window_rank(op), 0);
	int64_t dim[2] = { x->ints.n / 2, 2 };
	return vhlo_ints(w, 2, dim, x->ints.v);
}

static Ref bools_attr(Writer *w, const Op *op, const Attr *x)
{
	int64_t n = x->set ? x->ints.n : window_rank(op);
	uint8_t *p = NEW(&w->a, uint8_t, n + 1);
	for (int64_t i = 0; x->set && i < n; i++) p[i] = x->ints.v[i] != 0;
	Dense d = { .type = { .kind = TYPE_TENSOR, .elem = DTYPE_bool, .rank = 1, .dim = &n }, .data = p,
		.nbytes = (size_t)n };
	return vhlo_dense(w, &d, false);
}

static Ref precision_attr(Writer *w, const Attr *x)
{
	static const int64_t both[2] = { PRECISION_DEFAULT, PRECISION_DEFAULT };
	Ints p = x->set ? x->ints : (Ints){ 2, both };
	Ref *item = NEW(&w->a, Ref, p.n + 1);
	for (int i = 0; i < p.n; i++) item[i] = vhlo_enum(w, VHLO_PRECISION, (uint64_t)p.v[i]);
	return vhlo_array(w, p.n, item);
}

static Ref symbols_attr(Writer *w, const Attr *x)
{
	int n = x->set ? x->syms.n : 0;
	Ref *item = NEW(&w->a, Ref, n + 1);
	for (int i = 0; i < n; i++) item[i] = vhlo_string(w, x->syms.v[i]);
	return vhlo_array(w, n, item);
}

/* -- single values --------------------------------------------------------------------------------------- */

/* An integer attribute left out takes the row's default. StableHLO gives composite's `version` as i64
 * then, though it is i32 when it is written. */
static Ref integer_attr(Writer *w, const AttrDef *def, const Attr *x)
{
	if (!x->set) return vhlo_integer(w, DTYPE_i64, *def->otherwise == '-' ? -1 : 0);
	return vhlo_integer(w, def->kind == KIND_I32 ? DTYPE_i32 : DTYPE_i64, x->i);
}

static Ref text_attr(Writer *w, const Attr *x) { return vhlo_string(w, x->set && x->str ? x->str : ""); }

static Ref accuracy_attr(Writer *w, const Attr *x)
{
	static const Accuracy plain;
	return vhlo_accuracy(w, x->set && x->accuracy ? x->accuracy : &plain);
}

/* A list, or nothing: an empty one; backend_config: an empty string, or with the typed FFI an empty dictionary. */
static Ref any_attr(Writer *w, const Op *op, AttrKind kind, const Attr *x)
{
	enum { TYPED_FFI = 4 };
	if (x->set) return vhlo_any(w, kind == KIND_DICT ? x->dict : x->any, kind == KIND_LAYOUTS);
	static const Any no_keys = { .kind = ANY_DICT };
	const Attr *api = kind == KIND_STR_OR_DICT ? attr_of(op, "api_version") : NULL;
	if (kind == KIND_DICT || (api && api->i == TYPED_FFI)) return vhlo_any(w, &no_keys, false);
	return kind == KIND_STR_OR_DICT ? vhlo_string(w, "") : vhlo_array(w, 0, NULL);
}

static Ref dense_attr(Writer *w, const Attr *x)
{
	return x->set ? vhlo_dense(w, x->dense, false) : dims(w, (Ints){ 0 });
}

static Ref plain_attr(Writer *w, const Op *op, const AttrDef *def, const Attr *x)
{
	uint64_t v = x->set ? (uint64_t)x->i : 0;
	switch (def->kind) {
	case KIND_I64: case KIND_I32:      return integer_attr(w, def, x);
	case KIND_F32:                     return vhlo_float(w, DTYPE_f32, x->f);
	case KIND_BOOL:                    return boolean(w, v != 0);
	case KIND_UNIT:                    return boolean(w, x->set);
	case KIND_STR: case KIND_SYMBOL:   return text_attr(w, x);
	case KIND_SYMBOLS:                 return symbols_attr(w, x);
	case KIND_DIMS:                    return dims_attr(w, op, def, x);
	case KIND_BOOLS:                   return bools_attr(w, op, x);
	case KIND_PADDING:                 return padding_attr(w, op, x);
	case KIND_PRECISION:               return precision_attr(w, x);
	case KIND_ACCURACY:                return accuracy_attr(w, x);
	case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS: case KIND_DENSE:
	                                   return dense_attr(w, x);
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES:
	                                   return any_attr(w, op, def->kind, x);
	case KIND_DIRECTION:               return vhlo_enum(w, VHLO_COMPARISON_DIRECTION, v);
	case KIND_COMPARE_TYPE:            return vhlo_enum(w, VHLO_COMPARISON_TYPE, v);
	case KIND_FFT_TYPE:                return vhlo_enum(w, VHLO_FFT_TYPE, v);
	case KIND_TRANSPOSE:               return vhlo_enum(w, VHLO_TRANSPOSE, v);
	case KIND_RNG_ALGORITHM:           return vhlo_enum(w, VHLO_RNG_ALGORITHM, v);
	case KIND_RNG_DISTRIBUTION:        return vhlo_enum(w, VHLO_RNG_DISTRIBUTION, v);
	case KIND_API_VERSION:             return vhlo_enum(w, VHLO_API_VERSION, x->set ? v : 1);
	default:                           return 0;
	}
}

/* -- an op ----------------------------------------------------------------------------------------------- */

/* {handle, type} */
static Ref channel_attr(Writer *w, const char *name, const Attr *x)
{
	int i = !strcmp(name, "channel_type");
	return vhlo_integer(w, DTYPE_i64, x->set && x->ints.n > i ? x->ints.v[i] : 0);
}

/* Of dynamic_conv v1: as many zeros as its window has sides. */
static Ref no_padding(Writer *w, const Op *op)
{
	int rank = op->nin ? value_type(w->m, op->in[0]).rank : 0;
	return filled(w, 2, rank > 2 ? rank - 2 : 0, 0);
}

static Ref field_attr(Writer *w, const Op *op, const Field *f)
{
	if (f->attr == NO_ATTR) return no_padding(w, op);
	const AttrDef *def = &op_table[op->code].attr[f->attr];
	const Attr *x = &op->attr[f->attr];
	if (f->part) return part_of(w, f->part, x);
	if (def->kind == KIND_CHANNEL || def->kind == KIND_CHANNEL_AND_TYPE) return channel_attr(w, f->name, x);
	return plain_attr(w, op, def, x);
}

int op_attrs(Writer *w, const Op *op, int version, Named *out)
{
	Field field[MAX_FIELDS];
	int n = op_fields(op->code, version, field);
	for (int i = 0; i < n; i++) out[i] = (Named){ field[i].name, field_attr(w, op, &field[i]) };
	return n;
}
