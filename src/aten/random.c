/* Where random numbers come from: stablehlo.rng_bit_generator with the counter-based generator Threefry-2x32
 * (J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011), a pure function of its state. The
 * state is ui64[2]: a key, which is made of the program's seed and the number of the draw, and a counter that
 * starts at 0. Equal states would give equal draws (and be merged as common subexpressions), so no two draws
 * of a program share a number.
 *
 * That op has no size that comes from an operand. Where a size of the result is open in the program the bits are those of
 * splitmix64, ordinary arithmetic on positions, whose state is one word, ui64[1]; also in a module for given sizes, so
 * that one program draws one set of numbers. */
#include "aten/random.h"
#include "aten/ctx.h"
#include "aten/formulas.h"

#include <math.h>

/* -- keys ------------------------------------------------------------------------------------------------ */

/* splitmix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014): x = (x ^ x >> shift)
 * * factor, twice; then x ^ x >> 31. A bijection under which every input bit changes half of the output bits.
 * */
static const struct { int shift; uint64_t factor; } rounds[] = {
	{ 30, 0xbf58476d1ce4e5b9 }, { 27, 0x94d049bb133111eb },
};
enum { LAST_SHIFT = 31, NROUNDS = sizeof rounds / sizeof *rounds };
static const uint64_t golden = 0x9e3779b97f4a7c15;       /* 2^64 / the golden ratio: what draws are apart */

static uint64_t mix(uint64_t x)
{
	for (int i = 0; i < NROUNDS; i++) x = (x ^ x >> rounds[i].shift) * rounds[i].factor;
	return x ^ x >> LAST_SHIFT;
}

static Value u64(Builder *b, uint64_t v) { return scalar_int(b, (int64_t)v, DTYPE_u64); }

static Value folded(Builder *b, Value x, int shift)
{
	Value high = hlo_shift_right_logical(b, x, full_like(b, x, shift));
	return hlo_xor(b, x, high);
}

/* mix() of a value that the call gives */
static Value mixed(Builder *b, Value x)
{
	for (int i = 0; i < NROUNDS; i++) {
		x = folded(b, x, rounds[i].shift);
		x = hlo_multiply(b, x, hlo_splat_int(b, known_type(b, x), (int64_t)rounds[i].factor));
	}
	return folded(b, x, LAST_SHIFT);
}

static bool has_open_size(Node *n, VId v)
{
	const GraphValue *g = &n->l->graph->value.v[v];
	for (int i = 0; v && g->kind == VALUE_TENSOR && i < g->rank; i++)
		if (!IS_STATIC(g->dim[i])) return true;
	return false;
}

/* Whether a size of a result or operand is open in the program, whatever it is in this module. */
static bool of_open_size(Node *n)
{
	bool open = false;
	for (int i = 0; i < n->g->nout; i++) open |= has_open_size(n, n->g->out[i]);
	for (int i = 0; i < n->g->narg; i++) open |= n->g->arg[i].arg.kind == ARG_VALUE && has_open_size(n, n->g->arg[i].arg.value);
	return open;
}

/* mix(mix(seed) + number * golden): seeds 0, 1, 2, ... have nothing in common. */
Value random_state(Node *n)
{
	Builder *b = n->b;
	Lower *l = n->l;
	if (has_arg(n, "generator"))
		return node_fail(n, UNSUPPORTED, "argument 'generator': a converted program has one generator, "
			"whose seed is an option of the conversion or an input");
	uint64_t apart = (uint64_t)++l->ndraws * golden;
	int words = of_open_size(n) ? 1 : 2;
	if (!l->seed) return hlo_ints(b, words, (int64_t[]){ (int64_t)mix(mix(l->opt->seed) + apart), 0 }, DTYPE_u64);
	Value key = mixed(b, l->seed);
	key = hlo_add(b, key, u64(b, apart));
	key = mixed(b, key);
	key = hlo_reshape(b, key, 1, (int64_t[]){ 1 });
	if (words == 1) return key;
	Value counter = hlo_ints(b, 1, (int64_t[]){ 0 }, DTYPE_u64);
	return hlo_concatenate(b, 2, (Value[]){ key, counter }, 0);
}

/* -- streams --------------------------------------------------------------------------------------------- */

/* Element i is mix(state + (i + 1) * golden): splitmix64 itself, with as many steps as there are elements. */
static Value next_mixed(Builder *b, Value *state, Type t)
{
	int64_t count = numel_of(b, t);
	Type all = tensor_type(b->a, DTYPE_u64, 1, &count), one = tensor_type(b->a, DTYPE_u64, 1, (int64_t[]){ 1 });
	Value i = positions(b, all, 0, DTYPE_u64);
	i = hlo_add(b, i, hlo_splat_int(b, all, 1));
	i = hlo_multiply(b, i, hlo_splat_int(b, all, (int64_t)golden));
	i = hlo_add(b, i, hlo_broadcast_in_dim(b, hlo_reshape(b, *state, 0, NULL), 1, &count, (Ints){ 0 }));
	Value steps = hlo_multiply(b, size_value(b, count, one), hlo_splat_int(b, one, (int64_t)golden));
	*state = hlo_add(b, *state, steps);
	i = mixed(b, i);
	if (t.elem == DTYPE_u32) i = hlo_shift_right_logical(b, i, hlo_splat_int(b, all, 32));
	return reshape_to(b, hlo_convert(b, i, t.elem), t);
}

Value next_bits(Builder *b, Value *state, Type t)
{
	Value bits = 0;
	if (!*state || !t.kind) return 0;
	if (type_of(b, *state).dim[0] == 1) return next_mixed(b, state, t);
	if (!is_static(t))
		return build_fail(b, UNSUPPORTED, "random numbers of the size %s for a result of a given one", type_str(b->a, t));
	if (!type_numel(t)) return full(b, t, 0);
	hlo_rng_bit_generator(b, RNG_THREE_FRY, *state, t, state, &bits);
	return bits;
}

/* The binary digits of a float's significand. */
static int digits(DType t) { return t == DTYPE_f64 ? 53 : t == DTYPE_f16 ? 11 : t == DTYPE_bf16 ? 8 : 24; }

/* Integers of 0 .. 2^digits, in the float type to compute in; odd: the odd ones of them. */
static Value next_integer(Builder *b, Value *state, Type t, bool odd)
{
	bool wide = t.elem == DTYPE_f64;
	Type word = with_elem(t, wide ? DTYPE_u64 : DTYPE_u32);
	Value x = next_bits(b, state, word);
	x = hlo_shift_right_logical(b, x, hlo_splat_int(b, word, (wide ? 64 : 32) - digits(t.elem)));
	if (odd) x = hlo_or(b, x, hlo_splat_int(b, word, 1));
	return hlo_convert(b, x, acc_type(t.elem));
}

/* (bits + 1/2) / 2^width, about: rounding must not make it 1. */
Value next_open(Builder *b, Value *state, Type t)
{
	bool wide = t.elem == DTYPE_f64;
	Type word = with_elem(t, wide ? DTYPE_u64 : DTYPE_u32);
	Value x = next_bits(b, state, word);
	x = hlo_or(b, x, hlo_splat_int(b, word, 1));
	x = hlo_convert(b, x, t.elem);
	x = scaled(b, x, ldexp(1, wide ? -64 : -32));
	return at_most(b, x, 1 - ldexp(1, -digits(t.elem)));
}

/* sqrt(2) erfinv(u), u in (-1, 1) in odd multiples of 2^(1 - digits) / 2 */
Value next_normal(Builder *b, Value *state, Type t)
{
	Value u = next_integer(b, state, t, true);
	u = scaled(b, u, ldexp(1, 1 - digits(t.elem)));
	u = plus(b, u, -1);
	u = math_erfinv(b, u);
	return scaled(b, u, sqrt(2));
}

/* -- one draw -------------------------------------------------------------------------------------------- */

Value random_bits(Node *n, Type t)
{
	Value state = random_state(n);
	return next_bits(n->b, &state, t);
}

Value random_uniform(Node *n, Type t)
{
	Value state = random_state(n);
	Value x = next_integer(n->b, &state, t, false);
	return scaled(n->b, x, ldexp(1, -digits(t.elem)));
}

Value random_open(Node *n, Type t)
{
	Value state = random_state(n);
	return next_open(n->b, &state, with_elem(t, acc_type(t.elem)));
}

Value random_normal(Node *n, Type t)
{
	Value state = random_state(n);
	return next_normal(n->b, &state, with_elem(t, acc_type(t.elem)));
}

/* bits < p 2^32 */
Value random_bool(Node *n, Type t, double p)
{
	Builder *b = n->b;
	Type word = with_elem(t, DTYPE_u32), truth = with_elem(t, DTYPE_bool);
	if (!(p >= 0 && p <= 1)) return node_fail(n, BAD_INPUT, "a probability of %g, wanted 0 to 1", p);
	Value bits = random_bits(n, word);
	double limit = nearbyint(ldexp(p, 32));
	if (limit >= ldexp(1, 32)) return full(b, truth, 1);
	return hlo_compare(b, DIRECTION_LT, bits, hlo_splat_int(b, word, (int64_t)limit));
}
