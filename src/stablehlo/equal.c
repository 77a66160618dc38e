/* Attributes by value, of one module or of two. */
#include "stablehlo/ir.h"

#include <string.h>

static bool ints_eq(Ints x, Ints y)
{
	return x.n == y.n && (!x.n || !memcmp(x.v, y.v, (size_t)x.n * sizeof *x.v));
}

static bool conv_eq(const ConvDims *x, const ConvDims *y)
{
	return x->input_batch == y->input_batch && x->input_feature == y->input_feature
	    && x->kernel_input_feature == y->kernel_input_feature && x->kernel_output_feature == y->kernel_output_feature
	    && x->output_batch == y->output_batch && x->output_feature == y->output_feature
	    && ints_eq(x->input_spatial, y->input_spatial) && ints_eq(x->kernel_spatial, y->kernel_spatial)
	    && ints_eq(x->output_spatial, y->output_spatial);
}

static bool dot_eq(const DotDims *x, const DotDims *y)
{
	return ints_eq(x->lhs_batching, y->lhs_batching) && ints_eq(x->rhs_batching, y->rhs_batching)
	    && ints_eq(x->lhs_contracting, y->lhs_contracting) && ints_eq(x->rhs_contracting, y->rhs_contracting);
}

static bool gather_eq(const GatherDims *x, const GatherDims *y)
{
	return x->index_vector_dim == y->index_vector_dim && ints_eq(x->offset_dims, y->offset_dims)
	    && ints_eq(x->collapsed_slice_dims, y->collapsed_slice_dims)
	    && ints_eq(x->operand_batching_dims, y->operand_batching_dims)
	    && ints_eq(x->start_indices_batching_dims, y->start_indices_batching_dims)
	    && ints_eq(x->start_index_map, y->start_index_map);
}

static bool algorithm_eq(const DotAlgorithm *x, const DotAlgorithm *y)
{
	return x->lhs_precision == y->lhs_precision && x->rhs_precision == y->rhs_precision && x->accumulation == y->accumulation
	    && x->lhs_components == y->lhs_components && x->rhs_components == y->rhs_components
	    && x->primitive_operations == y->primitive_operations && x->allow_imprecise_accumulation == y->allow_imprecise_accumulation;
}

/* Element i as its bytes; a splat has one for all. */
static const uint8_t *element_at(const Dense *d, size_t each, int64_t i) { return (const uint8_t *)d->data + (d->splat ? 0 : (size_t)i * each); }

/* How many elements there are bytes for; a constant that is not verified yet may lack some, or be of no type. */
static int64_t count_of(const Dense *d, size_t each) { return d->splat ? INT64_MAX : (int64_t)(d->nbytes / each); }

int64_t dense_differs(const Dense *x, const Dense *y, int64_t *first)
{
	size_t each = dtype_nbytes(x->type.elem);
	int64_t count = 0;
	*first = 0;
	if (x->splat == y->splat && x->nbytes == y->nbytes && (x->data == y->data || !memcmp(x->data, y->data, x->nbytes))) return 0;
	if (x->splat && y->splat) return type_numel(x->type);
	int64_t nx = each ? count_of(x, each) : 0, ny = each ? count_of(y, each) : 0, n = nx < ny ? nx : ny;
	for (int64_t i = 0; i < n; i++)
		if (memcmp(element_at(x, each, i), element_at(y, each, i), each) != 0 && !count++) *first = i;
	return !count && (!n || (nx != ny && !x->splat && !y->splat)) ? (x->nbytes != y->nbytes) : count;
}

static bool dense_eq(const Dense *x, const Dense *y)
{
	int64_t at;
	return type_eq(x->type, y->type) && !dense_differs(x, y, &at);
}

static bool accuracy_eq(const Accuracy *x, const Accuracy *y)
{
	return x->mode == y->mode && x->ulps == y->ulps && !memcmp(&x->atol, &y->atol, sizeof x->atol)
	    && !memcmp(&x->rtol, &y->rtol, sizeof x->rtol);
}

static bool scatter_eq(const ScatterDims *x, const ScatterDims *y)
{
	return x->index_vector_dim == y->index_vector_dim && ints_eq(x->update_window_dims, y->update_window_dims)
	    && ints_eq(x->inserted_window_dims, y->inserted_window_dims) && ints_eq(x->input_batching_dims, y->input_batching_dims)
	    && ints_eq(x->scatter_indices_batching_dims, y->scatter_indices_batching_dims)
	    && ints_eq(x->scatter_dims_to_operand_dims, y->scatter_dims_to_operand_dims);
}

static bool syms_eq(const Attr *x, const Attr *y)
{
	if (x->syms.n != y->syms.n) return false;
	for (int i = 0; i < x->syms.n; i++)
		if (strcmp(x->syms.v[i], y->syms.v[i]) != 0) return false;
	return true;
}

static const Any *member(const Any *dict, const char *key, int guess)
{
	if (!strcmp(dict->key[guess], key)) return &dict->item[guess];
	for (int i = 0; i < dict->n; i++)
		if (!strcmp(dict->key[i], key)) return &dict->item[i];
	return NULL;
}

/* Members may stand in any order; no key is there twice. */
static bool items_eq(const Any *x, const Any *y)
{
	if (x->n != y->n) return false;
	for (int i = 0; i < x->n; i++) {
		const Any *other = x->kind == ANY_DICT ? member(y, x->key[i], i) : &y->item[i];
		if (!other || !any_eq(&x->item[i], other)) return false;
	}
	return true;
}

bool any_eq(const Any *x, const Any *y)
{
	if (x == y) return true;
	if (x->kind != y->kind) return false;
	switch (x->kind) {
	case ANY_NONE: case ANY_UNIT: return true;
	case ANY_STR: case ANY_SYMBOL: case ANY_VERBATIM: return !strcmp(x->str, y->str);
	case ANY_INT: return x->i == y->i && x->elem == y->elem;
	case ANY_I64: case ANY_I32: case ANY_BOOL: return x->i == y->i;
	case ANY_F32: case ANY_F64: return !memcmp(&x->f, &y->f, sizeof x->f);
	case ANY_DENSE: case ANY_NUMBER: case ANY_NUMBERS: return dense_eq(x->dense, y->dense);
	case ANY_TYPE: return type_eq(*x->type, *y->type);
	case ANY_ARRAY: case ANY_DICT: case ANY_ALIAS: return items_eq(x, y);
	case ANY_ATTR: return x->of == y->of && attr_eq(x->of, x->attr, y->attr);
	}
	return false;
}

bool attr_eq(AttrKind kind, const Attr *x, const Attr *y)
{
	if (x->set != y->set) return false;
	if (!x->set) return true;
	switch (kind) {
	case KIND_I64: case KIND_I32: case KIND_BOOL: case KIND_UNIT: case KIND_DIRECTION: case KIND_COMPARE_TYPE:
	case KIND_FFT_TYPE: case KIND_TRANSPOSE: case KIND_RNG_ALGORITHM: case KIND_RNG_DISTRIBUTION: case KIND_API_VERSION:
		return x->i == y->i;
	case KIND_F32: return !memcmp(&x->f, &y->f, sizeof x->f);
	case KIND_STR: case KIND_SYMBOL: return !strcmp(x->str, y->str);
	case KIND_SYMBOLS: return syms_eq(x, y);
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING: case KIND_PRECISION: case KIND_CHANNEL: case KIND_CHANNEL_AND_TYPE:
		return ints_eq(x->ints, y->ints);
	case KIND_DENSE: case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS: return dense_eq(x->dense, y->dense);
	case KIND_CONV_DIMS: return conv_eq(x->conv, y->conv);
	case KIND_DOT_DIMS: return dot_eq(x->dot, y->dot);
	case KIND_DOT_ALGORITHM: return algorithm_eq(x->algorithm, y->algorithm);
	case KIND_GATHER_DIMS: return gather_eq(x->gather, y->gather);
	case KIND_SCATTER_DIMS: return scatter_eq(x->scatter, y->scatter);
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES: return any_eq(x->any, y->any);
	case KIND_ACCURACY: return accuracy_eq(x->accuracy, y->accuracy);
	case KIND_NONE: case NKINDS: break;
	}
	return true;
}
