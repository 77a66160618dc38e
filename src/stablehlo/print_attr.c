/* Attributes as text: what kinds.def says of each kind, as a custom form writes it (bare) and as a
 * dictionary does. */
#include "stablehlo/ir.h"
#include "stablehlo/print.h"

#include <string.h>

/* -- enums ----------------------------------------------------------------------------------------------- */

const Enum enums[NKINDS] = {
	[KIND_DIRECTION]        = { "comparison_direction", 6, { "EQ", "NE", "GE", "GT", "LE", "LT" } },
	[KIND_COMPARE_TYPE]     = { "comparison_type", 5, { "NOTYPE", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED" } },
	[KIND_ACCURACY]         = { "result_accuracy_mode", 3, { "DEFAULT", "HIGHEST", "TOLERANCE" } },
	[KIND_PRECISION]        = { "precision", 3, { "DEFAULT", "HIGH", "HIGHEST" } },
	[KIND_FFT_TYPE]         = { "fft_type", 4, { "FFT", "IFFT", "RFFT", "IRFFT" } },
	[KIND_TRANSPOSE]        = { "transpose", 4, { "TRANSPOSE_INVALID", "NO_TRANSPOSE", "TRANSPOSE", "ADJOINT" } },
	[KIND_RNG_ALGORITHM]    = { "rng_algorithm", 3, { "DEFAULT", "THREE_FRY", "PHILOX" } },
	[KIND_RNG_DISTRIBUTION] = { "rng_distribution", 3, { "INVALID", "UNIFORM", "NORMAL" } },
};

/* EQ, or #stablehlo<comparison_direction EQ>. */
static void put_enum(Buf *b, AttrKind kind, int64_t i, bool bare)
{
	const Enum *e = &enums[kind];
	const char *name = i >= 0 && i < e->n ? e->name[i] : "INVALID";
	if (bare) { put_str(b, name); return; }
	PUT(b, "#stablehlo<");
	put_str(b, e->type);
	put_byte(b, ' ');
	put_str(b, name);
	put_byte(b, '>');
}

/* -- generic attributes ---------------------------------------------------------------------------------- */

/* What the place an attribute stands in says of it. */
typedef enum Place { IN_DICT, IN_ARRAY, LAYOUT } Place;   /* an array leaves out i64 and f64; layouts are of
                                                           * index */

static void put_in(Buf *b, const Any *a, Place place);

/* The member with the least name greater than that of `last`, or -1: sorted without a copy. */
int next_member(const Any *dict, int last)
{
	int best = -1;
	if (dict->sorted) return last + 1 < dict->n ? last + 1 : -1;
	for (int i = 0; i < dict->n; i++)
		if ((last < 0 || strcmp(dict->key[i], dict->key[last]) > 0) && (best < 0 || strcmp(dict->key[i], dict->key[best]) < 0)) best = i;
	return best;
}

void put_member(Buf *b, const Any *dict, int i)
{
	put_word(b, dict->key[i]);
	if (dict->item[i].kind == ANY_UNIT) return;
	PUT(b, " = ");
	put_in(b, &dict->item[i], IN_DICT);
}

static void put_members(Buf *b, const Any *dict)
{
	int last = -1;
	put_byte(b, '{');
	for (int i; (i = next_member(dict, last)) >= 0; last = i) {
		if (last >= 0) PUT(b, ", ");
		put_member(b, dict, i);
	}
	put_byte(b, '}');
}

static void put_items(Buf *b, const Any *array, Place place)
{
	put_byte(b, '[');
	for (int i = 0; i < array->n; i++) {
		if (i) PUT(b, ", ");
		put_in(b, &array->item[i], place == LAYOUT ? LAYOUT : IN_ARRAY);
	}
	put_byte(b, ']');
}

static void put_indices(Buf *b, const Any *list)
{
	if (list->kind == ANY_ARRAY) put_items(b, list, IN_ARRAY);
	else PUT(b, "[]");
}

static void put_alias(Buf *b, const Any *a)
{
	if (a->n != 3) { b->failed = true; return; }
	PUT(b, "#stablehlo.output_operand_alias<output_tuple_indices = ");
	put_indices(b, &a->item[0]);
	PUT(b, ", operand_index = ");
	put_int(b, a->item[1].i);
	PUT(b, ", operand_tuple_indices = ");
	put_indices(b, &a->item[2]);
	put_byte(b, '>');
}

/* A float with its type, which only a plain f64 in an array goes without. */
static void put_float_attr(Buf *b, double v, DType t, Place place)
{
	uint8_t bytes[8];
	dtype_store(t, bytes, 0, v);
	if (put_float(b, t, bytes) || t != DTYPE_f64 || place != IN_ARRAY) {
		PUT(b, " : ");
		put_str(b, dtype_name(t));
	}
}

/* 1 : i8 */
static void put_typed_number(Buf *b, const Dense *d)
{
	Type t = d->type;
	t.kind = TYPE_ELEMENT;
	put_dense_elements(b, d);
	PUT(b, " : ");
	put_type(b, t);
}

/* array<i64: 1, 2> */
static void put_array(Buf *b, const Dense *d)
{
	PUT(b, "array<");
	put_str(b, dtype_name(d->type.elem));
	if (d->nbytes) PUT(b, ": ");
	put_dense_list(b, d);
	put_byte(b, '>');
}

static void put_in(Buf *b, const Any *a, Place place)
{
	switch (a->kind) {
	case ANY_NONE:
	case ANY_UNIT: PUT(b, "unit"); break;
	case ANY_STR:  put_quoted(b, a->str); break;
	case ANY_I64:
		put_int(b, a->i);
		if (place != IN_ARRAY) PUT(b, " : i64");
		break;
	case ANY_I32:
		put_int(b, a->i);
		PUT(b, " : i32");
		break;
	case ANY_INT:
		if (is_unsigned(a->elem)) putf(b, "%llu", (unsigned long long)a->i);
		else put_int(b, a->i);
		PUT(b, " : ");
		put_str(b, dtype_name(a->elem));
		break;
	case ANY_F32:  put_float_attr(b, a->f, DTYPE_f32, place); break;
	case ANY_F64:  put_float_attr(b, a->f, DTYPE_f64, place); break;
	case ANY_BOOL: put_str(b, a->i ? "true" : "false"); break;
	case ANY_DENSE: put_dense(b, a->dense, place == LAYOUT); break;
	case ANY_TYPE: put_type(b, *a->type); break;
	case ANY_SYMBOL:
		put_byte(b, '@');
		put_word(b, a->str);
		break;
	case ANY_ARRAY: put_items(b, a, place); break;
	case ANY_DICT: put_members(b, a); break;
	case ANY_ALIAS: put_alias(b, a); break;
	case ANY_NUMBER: put_typed_number(b, a->dense); break;
	case ANY_NUMBERS: put_array(b, a->dense); break;
	case ANY_ATTR:
		if (a->of == KIND_PRECISION) put_enum(b, a->of, a->attr->ints.v[0], false);
		else put_attr(b, a->of, a->attr, false);
		break;
	case ANY_VERBATIM: put_str(b, a->str); break;
	}
}

void put_any(Buf *b, const Any *a) { put_in(b, a, IN_DICT); }

void put_any_dict(Buf *b, const Any *dict)
{
	if (dict->kind != ANY_DICT || !dict->n) return;
	put_byte(b, ' ');
	put_members(b, dict);
}

/* -- structures ------------------------------------------------------------------------------------------ */

/* One field of #stablehlo.gather<...> and its like: left out when empty. Returns the separator for the
 * next. */
static const char *put_field(Buf *b, const char *sep, const char *name, Ints x)
{
	if (!x.n) return sep;
	put_str(b, sep);
	put_str(b, name);
	PUT(b, " = ");
	put_list(b, x);
	return ", ";
}

static void put_last_field(Buf *b, const char *sep, int64_t index_vector_dim)
{
	if (index_vector_dim) {
		put_str(b, sep);
		PUT(b, "index_vector_dim = ");
		put_int(b, index_vector_dim);
	}
	put_byte(b, '>');
}

static void put_gather(Buf *b, const GatherDims *d)
{
	PUT(b, "#stablehlo.gather<");
	const char *sep = put_field(b, "", "offset_dims", d->offset_dims);
	sep = put_field(b, sep, "collapsed_slice_dims", d->collapsed_slice_dims);
	sep = put_field(b, sep, "operand_batching_dims", d->operand_batching_dims);
	sep = put_field(b, sep, "start_indices_batching_dims", d->start_indices_batching_dims);
	sep = put_field(b, sep, "start_index_map", d->start_index_map);
	put_last_field(b, sep, d->index_vector_dim);
}

static void put_scatter(Buf *b, const ScatterDims *d)
{
	PUT(b, "#stablehlo.scatter<");
	const char *sep = put_field(b, "", "update_window_dims", d->update_window_dims);
	sep = put_field(b, sep, "inserted_window_dims", d->inserted_window_dims);
	sep = put_field(b, sep, "input_batching_dims", d->input_batching_dims);
	sep = put_field(b, sep, "scatter_indices_batching_dims", d->scatter_indices_batching_dims);
	sep = put_field(b, sep, "scatter_dims_to_operand_dims", d->scatter_dims_to_operand_dims);
	put_last_field(b, sep, d->index_vector_dim);
}

static void put_pair(Buf *b, const char *name, Ints lhs, Ints rhs)
{
	put_str(b, name);
	put_list(b, lhs);
	PUT(b, " x ");
	put_list(b, rhs);
}

static void put_generic_dot(Buf *b, const DotDims *d)
{
	PUT(b, "#stablehlo.dot<");
	const char *sep = put_field(b, "", "lhs_batching_dimensions", d->lhs_batching);
	sep = put_field(b, sep, "rhs_batching_dimensions", d->rhs_batching);
	sep = put_field(b, sep, "lhs_contracting_dimensions", d->lhs_contracting);
	put_field(b, sep, "rhs_contracting_dimensions", d->rhs_contracting);
	put_byte(b, '>');
}

/* batching_dims = [0] x [0], contracting_dims = [2] x [1] */
static void put_dot(Buf *b, const DotDims *d, bool bare)
{
	if (!bare) { put_generic_dot(b, d); return; }
	if (d->lhs_batching.n || d->rhs_batching.n) {
		put_pair(b, "batching_dims = ", d->lhs_batching, d->rhs_batching);
		PUT(b, ", ");
	}
	put_pair(b, "contracting_dims = ", d->lhs_contracting, d->rhs_contracting);
}

static void put_algorithm(Buf *b, const DotAlgorithm *a, bool bare)
{
	if (!bare) PUT(b, "#stablehlo.dot_algorithm");
	PUT(b, "<lhs_precision_type = ");
	put_str(b, dtype_name(a->lhs_precision));
	PUT(b, ", rhs_precision_type = ");
	put_str(b, dtype_name(a->rhs_precision));
	PUT(b, ", accumulation_type = ");
	put_str(b, dtype_name(a->accumulation));
	PUT(b, ", lhs_component_count = ");
	put_int(b, a->lhs_components);
	PUT(b, ", rhs_component_count = ");
	put_int(b, a->rhs_components);
	PUT(b, ", num_primitive_operations = ");
	put_int(b, a->primitive_operations);
	PUT(b, ", allow_imprecise_accumulation = ");
	put_str(b, a->allow_imprecise_accumulation ? "true>" : "false>");
}

/* [b, f, 0, 1]: at each dimension the letter of what it is, or its number among the spatial ones. */
static void put_layout(Buf *b, int64_t first, char a, int64_t second, char c, Ints spatial)
{
	put_byte(b, '[');
	for (int64_t i = 0; i < spatial.n + 2; i++) {
		if (i) PUT(b, ", ");
		if (i == first) put_byte(b, (uint8_t)a);
		if (i == second) put_byte(b, (uint8_t)c);
		for (int k = 0; k < spatial.n; k++)
			if (spatial.v[k] == i) put_int(b, k);
	}
	put_byte(b, ']');
}

static void put_conv(Buf *b, const ConvDims *d)
{
	put_layout(b, d->input_batch, 'b', d->input_feature, 'f', d->input_spatial);
	put_byte(b, 'x');
	put_layout(b, d->kernel_input_feature, 'i', d->kernel_output_feature, 'o', d->kernel_spatial);
	PUT(b, "->");
	put_layout(b, d->output_batch, 'b', d->output_feature, 'f', d->output_spatial);
}

static void put_accuracy(Buf *b, const Accuracy *a)
{
	PUT(b, "#stablehlo.result_accuracy<");
	if (a->atol != 0) {
		PUT(b, "atol = ");
		put_double(b, a->atol);
		PUT(b, ", ");
	}
	if (a->rtol != 0) {
		PUT(b, "rtol = ");
		put_double(b, a->rtol);
		PUT(b, ", ");
	}
	if (a->ulps) {
		PUT(b, "ulps = ");
		put_int(b, a->ulps);
		PUT(b, ", ");
	}
	PUT(b, "mode = #stablehlo.result_accuracy_mode<");
	put_str(b, enums[KIND_ACCURACY].name[a->mode > 0 && a->mode < 3 ? a->mode : 0]);
	PUT(b, ">>");
}

/* -- kinds ----------------------------------------------------------------------------------------------- */

static void put_precision(Buf *b, Ints x, bool bare)
{
	put_byte(b, '[');
	for (int i = 0; i < x.n; i++) {
		if (i) PUT(b, ", ");
		put_enum(b, KIND_PRECISION, x.v[i], bare);
	}
	put_byte(b, ']');
}

static void put_dims(Buf *b, Ints x, bool bare)
{
	if (bare) { put_list(b, x); return; }
	put_str(b, x.n ? "array<i64: " : "array<i64");
	put_ints(b, x);
	put_byte(b, '>');
}

static void put_bools(Buf *b, Ints x, bool bare)
{
	put_str(b, bare ? "[" : x.n ? "array<i1: " : "array<i1");
	for (int i = 0; i < x.n; i++) {
		if (i) PUT(b, ", ");
		put_str(b, x.v[i] ? "true" : "false");
	}
	put_byte(b, bare ? ']' : '>');
}

/* [[0, 1], [0, 1]], or dense<...> : tensor<2x2xi64>. */
static void put_padding(Buf *b, Ints x, bool bare)
{
	bool same = true;
	for (int i = 1; i < x.n; i++) same &= x.v[i] == x.v[0];
	if (!bare) PUT(b, "dense<");
	if (!bare && same && x.n) {
		put_int(b, x.v[0]);
	} else if (bare || x.n) {
		put_byte(b, '[');
		for (int i = 0; i + 1 < x.n; i += 2) {
			if (i) PUT(b, ", ");
			put_list(b, (Ints){ 2, x.v + i });
		}
		put_byte(b, ']');
	}
	if (bare) return;
	PUT(b, "> : tensor<");
	put_int(b, x.n / 2);
	PUT(b, "x2xi64>");
}

static void put_symbols(Buf *b, int n, const char *const *v)
{
	put_byte(b, '[');
	for (int i = 0; i < n; i++) {
		put_str(b, i ? ", @" : "@");
		put_word(b, v[i]);
	}
	put_byte(b, ']');
}

static void put_channel(Buf *b, Ints x)
{
	PUT(b, "#stablehlo.channel_handle<handle = ");
	put_int(b, x.n > 0 ? x.v[0] : 0);
	PUT(b, ", type = ");
	put_int(b, x.n > 1 ? x.v[1] : 0);
	put_byte(b, '>');
}

static void put_number(Buf *b, int64_t v, const char *type, bool bare)
{
	put_int(b, v);
	if (!bare) put_str(b, type);
}

static void put_wrapped(Buf *b, const char *open, const ConvDims *d)
{
	put_str(b, open);
	put_conv(b, d);
	if (*open) put_byte(b, '>');
}

static void put_structure(Buf *b, AttrKind kind, const Attr *a, bool bare)
{
	switch (kind) {
	case KIND_ACCURACY:      put_accuracy(b, a->accuracy); break;
	case KIND_CONV_DIMS:     put_wrapped(b, bare ? "" : "#stablehlo.conv<", a->conv); break;
	case KIND_DOT_DIMS:      put_dot(b, a->dot, bare); break;
	case KIND_DOT_ALGORITHM: put_algorithm(b, a->algorithm, bare); break;
	case KIND_GATHER_DIMS:   put_gather(b, a->gather); break;
	case KIND_SCATTER_DIMS:  put_scatter(b, a->scatter); break;
	case KIND_DICT:          put_members(b, a->dict); break;
	case KIND_STR_OR_DICT:
	case KIND_ARRAY:
	case KIND_ALIASES:       put_any(b, a->any); break;
	case KIND_LAYOUTS:       put_in(b, a->any, LAYOUT); break;
	case KIND_SYMBOLS:       put_symbols(b, a->syms.n, a->syms.v); break;
	default:                 put_enum(b, kind, a->i, bare); break;
	}
}

void put_attr(Buf *b, AttrKind kind, const Attr *a, bool bare)
{
	switch (kind) {
	case KIND_I64:       put_number(b, a->i, " : i64", bare); break;
	case KIND_API_VERSION:
	case KIND_I32:       put_number(b, a->i, " : i32", bare); break;
	case KIND_F32:       put_float_attr(b, a->f, DTYPE_f32, IN_DICT); break;
	case KIND_BOOL:      put_str(b, a->i ? "true" : "false"); break;
	case KIND_UNIT:      PUT(b, "unit"); break;
	case KIND_STR:       put_quoted(b, a->set ? a->str : ""); break;
	case KIND_SYMBOL:
		put_byte(b, '@');
		put_word(b, a->str);
		break;
	case KIND_DIMS:      put_dims(b, a->ints, bare); break;
	case KIND_BOOLS:     put_bools(b, a->ints, bare); break;
	case KIND_PADDING:   put_padding(b, a->ints, bare); break;
	case KIND_PRECISION: put_precision(b, a->ints, bare); break;
	case KIND_CHANNEL:
	case KIND_CHANNEL_AND_TYPE: put_channel(b, a->ints); break;
	case KIND_DENSE:
	case KIND_I64_ELEMENTS:
	case KIND_REPLICA_GROUPS: put_dense(b, a->dense, false); break;
	default:             put_structure(b, kind, a, bare); break;
	}
}

static bool is_usual(const Accuracy *a) { return !a->mode && a->atol == 0 && a->rtol == 0 && !a->ulps; }

/* The kinds that StablehloOps.td declares DefaultValuedOptionalAttr; their defaults are the same in every
 * op with a form. */
bool is_default(AttrKind kind, const Attr *a)
{
	switch (kind) {
	case KIND_BOOL:
	case KIND_I32:         return !a->i;
	case KIND_API_VERSION: return a->i == 1;
	case KIND_SYMBOLS:     return !a->syms.n;
	case KIND_DICT:        return !a->dict->n;
	case KIND_ALIASES:     return !a->any->n;
	case KIND_ACCURACY:    return is_usual(a->accuracy);
	default:               return false;
	}
}
