/* Tensors of random numbers by their distribution. For the same seed they are not torch's numbers: those come
 * of another generator, in an order that torch does not promise either. */
#include "aten/pointwise.h"
#include "aten/random.h"
#include "aten/rules.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* A parameter of a distribution, a tensor or a number, in t. */
static Value parameter(Node *n, const char *name, double otherwise, Type t)
{
	if (!has_arg(n, name)) return full(n->b, t, otherwise);
	Value x = arg_as(n, name, t.elem);
	return broadcast(n->b, x, t);
}

/* The type that a result of float is computed in. */
static Type work(Node *n) { return with_elem(n->out, acc_type(n->out.elem)); }

static bool wants_float(Node *n)
{
	if (is_float(n->out.elem)) return true;
	node_fail(n, UNSUPPORTED, "a result of type %s, wanted a float type", dtype_name(n->out.elem));
	return false;
}

/* -- uniform --------------------------------------------------------------------------------------------- */

/* Complex numbers have two parts drawn alike. */
static Value drawn(Node *n, Value (*draw)(Node *n, Type t))
{
	DType elem = n->out.elem;
	if (!is_complex(elem)) return wants_float(n) ? draw(n, n->out) : 0;
	Type part = with_elem(n->out, real_of(elem));
	Value re = draw(n, part);
	Value im = draw(n, part);
	return hlo_complex(n->b, re, im);
}

/* aten.rand(size), rand_like(self): [0, 1) */
Value lower_rand(Node *n) { return cast(n->b, drawn(n, random_uniform), n->out.elem); }

/* from + u (to - from) */
static Value uniform(Node *n, double from, double to)
{
	Builder *b = n->b;
	if (!wants_float(n)) return 0;
	if (!(from <= to)) return node_fail(n, BAD_INPUT, "from %g to %g, wanted an interval", from, to);
	Value u = random_uniform(n, n->out);
	u = scaled(b, u, to - from);
	u = plus(b, u, from);
	return cast(b, u, n->out.elem);
}

/* aten.uniform(self, from=0, to=1), prims.uniform(shape, low, high) */
Value lower_uniform(Node *n) { return uniform(n, arg_num(n, "from", 0), arg_num(n, "to", 1)); }
Value lower_prims_uniform(Node *n) { return uniform(n, arg_num(n, "low", 0), arg_num(n, "high", 1)); }

/* -- normal ---------------------------------------------------------------------------------------------- */

/* Complex numbers of variance 1: each part has 1/2. */
static Value normal(Node *n)
{
	Value z = drawn(n, random_normal);
	return z && is_complex(n->out.elem) ? scaled(n->b, z, sqrt(0.5)) : z;
}

/* aten.randn(size), randn_like(self) */
Value lower_randn(Node *n) { return cast(n->b, normal(n), n->out.elem); }

static Value normal_around(Node *n, double mean_otherwise, double std_otherwise)
{
	Value std = parameter(n, "std", std_otherwise, work(n));
	Value mean = parameter(n, "mean", mean_otherwise, work(n));
	Value z = normal(n);
	z = hlo_multiply(n->b, z, std);
	return hlo_add(n->b, z, mean);
}

/* aten.normal(mean, std, size?), normal_functional(self, mean=0, std=1), prims.normal(shape, mean, std): mean
 * + std z */
Value lower_normal(Node *n) { return cast(n->b, normal_around(n, 0, 1), n->out.elem); }

/* aten.log_normal(self, mean=1, std=2): exp of a normal number */
Value lower_log_normal(Node *n)
{
	if (!wants_float(n)) return 0;
	Value x = normal_around(n, 1, 2);
	x = hlo_exponential(n->b, x);
	return cast(n->b, x, n->out.elem);
}

/* -- by inverting a distribution function ---------------------------------------------------------------- */

/* aten.exponential(self, lambd=1): -log(1 - u) / lambd */
Value lower_exponential(Node *n)
{
	Builder *b = n->b;
	double rate = arg_num(n, "lambd", 1);
	if (!wants_float(n)) return 0;
	if (!(rate > 0)) return node_fail(n, BAD_INPUT, "lambd is %g, wanted more than 0", rate);
	Value x = random_open(n, n->out);
	x = hlo_log_plus_one(b, hlo_negate(b, x));
	x = scaled(b, x, -1 / rate);
	return cast(b, x, n->out.elem);
}

/* aten.cauchy(self, median=0, sigma=1): median + sigma tan(pi (u - 1/2)) = median - sigma cos(pi u) / sin(pi
 * u) */
Value lower_cauchy(Node *n)
{
	Builder *b = n->b;
	double sigma = arg_num(n, "sigma", 1);
	if (!wants_float(n)) return 0;
	if (!(sigma > 0)) return node_fail(n, BAD_INPUT, "sigma is %g, wanted more than 0", sigma);
	Value x = random_open(n, n->out);
	x = scaled(b, x, pi);
	Value top = hlo_cosine(b, x);
	x = hlo_divide(b, top, hlo_sine(b, x));
	x = scaled(b, x, -sigma);
	x = plus(b, x, arg_num(n, "median", 0));
	return cast(b, x, n->out.elem);
}

/* aten.geometric(self, p): the first of a row of tries to succeed, ceil(log(u) / log(1 - p)) */
Value lower_geometric(Node *n)
{
	Builder *b = n->b;
	double p = arg_num(n, "p", 0);
	if (!(p > 0 && p < 1)) return node_fail(n, BAD_INPUT, "p is %g, wanted between 0 and 1", p);
	Type t = with_elem(n->out, is_float(n->out.elem) ? acc_type(n->out.elem) : DTYPE_f64);
	Value x = random_open(n, t);
	x = hlo_log(b, x);
	x = divided_by(b, x, log1p(-p));
	x = hlo_ceil(b, x);
	return cast(b, x, n->out.elem);
}

/* -- integers -------------------------------------------------------------------------------------------- */

/* low + x, x of ui64, in n->out's type */
static Value from_low(Node *n, Value x, int64_t low)
{
	Builder *b = n->b;
	Type whole = with_elem(n->out, DTYPE_i64);
	if (n->out.elem == DTYPE_u64 && !low) return x;
	x = hlo_bitcast_convert(b, x, whole);
	if (low) x = hlo_add(b, x, hlo_splat_int(b, whole, low));
	return cast(b, x, n->out.elem);
}

static Value high_half(Builder *b, Value x)
{
	Value by = hlo_splat_int(b, known_type(b, x), 32);
	return hlo_shift_right_logical(b, x, by);
}

static Value low_half(Builder *b, Value x)
{
	Value mask = hlo_splat_int(b, known_type(b, x), UINT32_MAX);
	return hlo_and(b, x, mask);
}

static Value times_word(Builder *b, Value x, uint64_t k)
{
	Value word = hlo_splat_int(b, known_type(b, x), (int64_t)k);
	return hlo_multiply(b, x, word);
}

/* x range / 2^64, by products of 32-bit halves: remainders would favour the lower numbers of a range that is
 * not much less than 2^64 */
static Value scaled_down(Builder *b, Value x, uint64_t range)
{
	Value x0 = low_half(b, x), x1 = high_half(b, x);
	uint64_t r0 = range & UINT32_MAX, r1 = range >> 32;
	Value carry = high_half(b, times_word(b, x0, r0));
	Value middle = times_word(b, x1, r0);
	middle = hlo_add(b, middle, carry);
	carry = times_word(b, x0, r1);
	carry = hlo_add(b, carry, low_half(b, middle));
	Value top = times_word(b, x1, r1);
	top = hlo_add(b, top, high_half(b, middle));
	return hlo_add(b, top, high_half(b, carry));
}

/* low .. low + range - 1; range 0 stands for 2^64. */
static Value integers(Node *n, int64_t low, uint64_t range)
{
	Builder *b = n->b;
	Type word = with_elem(n->out, DTYPE_u64);
	Value x = random_bits(n, word);
	if (range > UINT32_MAX) x = scaled_down(b, x, range);
	else if (range) x = hlo_remainder(b, x, hlo_splat_int(b, word, (int64_t)range));
	return from_low(n, x, low);
}

/* low .. high - 1 */
static Value integers_below(Node *n, int64_t low, int64_t high)
{
	if (low >= high)
		return node_fail(n, BAD_INPUT, "from %lld to below %lld, wanted a range", (long long)low, (long long)high);
	return integers(n, low, (uint64_t)high - (uint64_t)low);
}

/* aten.randint(low=0, high, size), randint_like(self, low=0, high); high may be a 0-d tensor */
Value lower_randint(Node *n)
{
	int64_t low = arg_int(n, "low", 0);
	if (!is_tensor_arg(n, "high")) return integers_below(n, low, arg_int(n, "high", 0));
	Builder *b = n->b;
	Type word = with_elem(n->out, DTYPE_u64);
	Value range = arg_as(n, "high", DTYPE_i64);
	range = reshape_to(b, range, scalar_type(DTYPE_i64));
	range = hlo_subtract(b, range, scalar_int(b, low, DTYPE_i64));
	range = hlo_convert(b, range, DTYPE_u64);
	range = broadcast(b, range, word);
	Value x = random_bits(n, word);
	return from_low(n, hlo_remainder(b, x, range), low);
}

/* The largest number that random() without limits gives: of floats, up to where every whole number is one. */
static uint64_t most(DType t)
{
	switch (t) {
	case DTYPE_f64:  return (uint64_t)1 << 53;
	case DTYPE_f32:  return (uint64_t)1 << 24;
	case DTYPE_f16:  return (uint64_t)1 << 11;
	case DTYPE_bf16: return (uint64_t)1 << 8;
	case DTYPE_bool: return 1;
	default: break;
	}
	int nbits = dtype_info(t)->nbits - !is_unsigned(t);
	return nbits > 0 && nbits <= 64 ? UINT64_MAX >> (64 - nbits) : 0;
}

/* aten.random(self): 0 .. most; random.to(self, to): 0 .. to - 1; random.from(self, from, to?): from .. to -
 * 1, or up to the largest number of the type */
Value lower_random(Node *n)
{
	int64_t from = arg_int(n, "from", 0);
	if (is_complex(n->out.elem)) return node_fail(n, UNSUPPORTED, "complex numbers");
	if (has_arg(n, "to")) return integers_below(n, from, arg_int(n, "to", 0));
	return integers(n, from, most(n->out.elem) - (uint64_t)from + 1);
}

/* -- orders and choices ---------------------------------------------------------------------------------- */

/* The places of `keys` along their last dim in ascending order of the keys. */
static Value places_by(Builder *b, Value keys)
{
	Type t = known_type(b, keys);
	if (!t.kind) return 0;
	Value in[2] = { keys, positions(b, t, t.rank - 1, DTYPE_i64) }, out[2] = { 0 }, v[4];
	Type key = scalar_type(t.elem), place = scalar_type(DTYPE_i64);
	Region *order = region_begin(b, 4, (Type[]){ key, key, place, place }, v);
	Value first = hlo_compare(b, DIRECTION_LT, v[0], v[1]);
	region_end(b, order, 1, &first);
	return hlo_sort(b, 2, in, t.rank - 1, true, order, out) ? out[1] : 0;
}

/* aten.randperm(n): 0 .. n - 1 in the order of as many random 64-bit keys */
Value lower_randperm(Node *n)
{
	Value keys = random_bits(n, with_elem(n->out, DTYPE_u64));
	return cast(n->b, places_by(n->b, keys), n->out.elem);
}

/* Where along the last dim the least key stands. */
static Value place_of_least(Builder *b, Value keys)
{
	Type t = known_type(b, keys);
	if (!t.kind) return 0;
	Ints last = one_dim(b, t.rank - 1);
	Value least = reduce_over(b, OP_minimum, keys, last);
	Value is_least = hlo_compare(b, DIRECTION_EQ, keys, spread_over(b, least, last, t));
	Value at = positions(b, t, t.rank - 1, DTYPE_i64);
	at = hlo_select(b, is_least, at, size_value(b, t.dim[t.rank - 1], known_type(b, at)));
	return reduce_over(b, OP_minimum, at, last);
}

/* aten.multinomial(self [N?, C] weights, num_samples S, replacement) -> [N?, S]. C exponential clocks of
 * rates self race: the first to ring is i with probability self[i] / sum, and the next of those left (what
 * weighs 0 never rings). With replacement every sample is a race of its own. */
Value lower_multinomial(Node *n)
{
	Builder *b = n->b;
	int64_t count = arg_int(n, "num_samples", 1);
	Value w = arg_as(n, "self", acc_type(known_type(b, arg(n, "self")).elem));
	Type t = known_type(b, w);
	if (!t.kind) return 0;
	int64_t classes = t.rank ? t.dim[t.rank - 1] : 0;
	if (t.rank < 1 || n->out.rank != t.rank || !classes || n->out.dim[t.rank - 1] != count)
		return node_fail(n, BAD_INPUT, "%lld samples of %s", (long long)count, type_str(n->a, t));
	bool again = arg_bool(n, "replacement", false);
	if (!again && classes >= 0 && count > classes)
		return node_fail(n, BAD_INPUT, "%lld samples of %s without replacement", (long long)count, type_str(n->a, t));
	if (again) {                                                 /* [N?, C] -> [N?, S, C] */
		w = unsqueeze_dim(b, w, t.rank - 1);
		w = broadcast(b, w, shape_with(b, known_type(b, w), t.rank - 1, count));
	}
	Value time = random_open(n, known_type(b, w));
	time = hlo_log_plus_one(b, hlo_negate(b, time));
	time = hlo_divide(b, hlo_negate(b, time), w);
	return again ? place_of_least(b, time) : slice_dim(b, places_by(b, time), t.rank - 1, 0, count, 1);
}

/* -- yes or no ------------------------------------------------------------------------------------------- */

/* aten.bernoulli(self), bernoulli.Tensor(self, p): 1 with probability p (of the first: self), else 0 */
Value lower_bernoulli(Node *n)
{
	Builder *b = n->b;
	const char *name = has_arg(n, "p") ? "p" : "self";
	Type t = with_elem(n->out, DTYPE_f32);
	Value p = arg(n, name);
	if (elem_of(b, p) == DTYPE_f64) t.elem = DTYPE_f64;
	p = parameter(n, name, 0, t);
	Value u = random_uniform(n, t);
	Value yes = hlo_compare(b, DIRECTION_LT, u, p);
	return cast(b, yes, n->out.elem);
}

/* aten.bernoulli.p(self, p) */
Value lower_bernoulli_p(Node *n)
{
	Value yes = random_bool(n, n->out, arg_num(n, "p", 0.5));
	return cast(n->b, yes, n->out.elem);
}
