/* rng_bit_generator: the bits that XLA gives (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", and how XLA's prng.cc counts).
 * DEFAULT is PHILOX, as on XLA's CPU. */
#include "reference/internal.h"

static uint64_t word(const Tensor *t, int64_t i) { return (uint64_t)dtype_load_int(DTYPE_u64, t->data + (size_t)i * 8); }
static void set_word(Tensor *t, int64_t i, uint64_t x) { dtype_store_int(DTYPE_u64, t->data + (size_t)i * 8, (int64_t)x); }

/* -- Threefry-2x32, 20 rounds ---------------------------------------------------------------------------- */

static uint32_t rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

static void threefry(uint64_t key, uint64_t counter, uint32_t *out)
{
	static const int rotation[2][4] = { { 13, 15, 26, 6 }, { 17, 29, 16, 24 } };
	uint32_t k[3] = { (uint32_t)key, (uint32_t)(key >> 32), 0 };
	uint32_t a = (uint32_t)counter, b = (uint32_t)(counter >> 32);
	k[2] = 0x1BD11BDA ^ k[0] ^ k[1];
	a += k[0], b += k[1];
	for (uint32_t i = 0; i < 5; i++) {
		for (int r = 0; r < 4; r++) {
			a += b;
			b = a ^ rotate(b, rotation[i % 2][r]);
		}
		a += k[(i + 1) % 3], b += k[(i + 2) % 3] + i + 1;
	}
	out[0] = a, out[1] = b;
}

/* The dimension that is halved: the first even one, or else the largest. */
static int halved(const Tensor *t)
{
	int best = 0;
	for (int i = 0; i < t->type.rank; i++)
		if (t->dim[i] % 2 == 0) return i;
	for (int i = 1; i < t->type.rank; i++)
		if (t->dim[i] > t->dim[best]) best = i;
	return best;
}

/* 32 bits for each element: of each pair of places along the halved dimension the two words of one counter. */
static uint64_t threefry_narrow(uint64_t key, uint64_t counter, Tensor *t)
{
	int rank = t->type.rank, d = halved(t);
	int64_t dim[MAX_DIMS] = { 1 }, stride[MAX_DIMS], index[MAX_DIMS] = { 0 }, n = 1;
	memcpy(dim, t->dim, (size_t)rank * sizeof *dim);
	if (rank) dim[d] = dim[d] / 2 + dim[d] % 2;
	for (int i = 0; i < rank; i++) n *= dim[i];
	row_strides(rank, dim, stride);
	for (int64_t i = 0; i < t->n; i++) {
		uint64_t at = 0;
		uint32_t x[2];
		for (int k = 0; k < rank; k++) at += (uint64_t)((k == d ? index[k] / 2 : index[k]) * stride[k]);
		threefry(key, counter + at, x);
		dtype_store_int(t->type.elem, t->data + (size_t)i * t->each, x[rank ? index[d] % 2 : 0]);
		next_index(rank, t->dim, index);
	}
	return counter + (uint64_t)n;
}

static uint64_t threefry_wide(uint64_t key, uint64_t counter, Tensor *t)
{
	for (int64_t i = 0; i < t->n; i++) {
		uint32_t x[2];
		threefry(key, counter + (uint64_t)i, x);
		set_word(t, i, x[0] | (uint64_t)x[1] << 32);
	}
	return counter + (uint64_t)t->n;
}

/* -- Philox-4x32, 10 rounds ------------------------------------------------------------------------------ */

static void philox(uint64_t key, const uint64_t *counter, uint32_t *x)
{
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
	for (int i = 0; i < 4; i++) x[i] = (uint32_t)(counter[i / 2] >> (32 * (i % 2)));
	for (int round = 0; round < 10; round++) {
		uint64_t p = (uint64_t)x[0] * 0xD2511F53, q = (uint64_t)x[2] * 0xCD9E8D57;
		uint32_t y[4] = { (uint32_t)(q >> 32) ^ x[1] ^ k0, (uint32_t)q, (uint32_t)(p >> 32) ^ x[3] ^ k1, (uint32_t)p };
		memcpy(x, y, sizeof y);
		k0 += 0x9E3779B9, k1 += 0xBB67AE85;
	}
}

static void count_on(uint64_t *counter, uint64_t by)
{
	counter[0] += by;
	counter[1] += counter[0] < by;
}

/* Of the words of each counter one to an element, or two. */
static void philox_all(uint64_t key, uint64_t *counter, Tensor *t)
{
	int words = t->each == 8 ? 2 : 1, per = 4 / words;
	uint32_t x[4] = { 0 };
	uint64_t start[2] = { counter[0], counter[1] };
	for (int64_t i = 0; i < t->n; i++) {
		int at = (int)(i % per) * words;
		uint64_t now[2] = { start[0], start[1] };
		count_on(now, (uint64_t)(i / per));
		if (!at) philox(key, now, x);
		if (words == 2) set_word(t, i, x[at] | (uint64_t)x[at + 1] << 32);
		else dtype_store_int(t->type.elem, t->data + (size_t)i * t->each, x[at]);
	}
	count_on(counter, (uint64_t)(t->n + per - 1) / (uint64_t)per);
}

/* -- the op ---------------------------------------------------------------------------------------------- */

/* Elements of floats are the bits; those below a byte keep their own. */
static bool generate(Eval *v, const Op *op, const Tensor *state, Tensor *next, Tensor *t)
{
	int64_t algorithm = attr(op, "rng_algorithm")->i;
	uint64_t key = word(state, 0);
	DType elem = t->type.elem;
	static const DType bits[] = { [1] = DTYPE_u8, [2] = DTYPE_u16, [4] = DTYPE_u32, [8] = DTYPE_u64 };
	if (is_complex(elem) || elem == DTYPE_bool) return eval_fail(v, op, UNSUPPORTED, "there are no random bits of %s", dtype_name(elem));
	t->type.elem = bits[t->each];
	memcpy(next->data, state->data, (size_t)state->n * 8);
	if (algorithm == RNG_THREE_FRY) {
		set_word(next, 1, t->each == 8 ? threefry_wide(key, word(state, 1), t) : threefry_narrow(key, word(state, 1), t));
	} else {
		bool three = state->n > 2;
		uint64_t counter[2] = { word(state, 1), three ? word(state, 2) : key };
		philox_all(key, counter, t);
		set_word(next, 1, counter[0]);
		if (three) set_word(next, 2, counter[1]);
	}
	t->type.elem = elem;
	wrap(elem, t->data, (size_t)t->n);
	return true;
}

bool eval_rng_bit_generator(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Type t = value_type(v->m, op->out + 1);
	const Tensor *state = in[0];
	bool three = attr(op, "rng_algorithm")->i == RNG_THREE_FRY;
	if (!is_static(t) || t.rank >= MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "its result has sizes that nothing tells");
	if (state->each != 8 || state->type.rank != 1 || state->n < 2 || state->n > (three ? 2 : 3))
		return eval_fail(v, op, UNSUPPORTED, "its state is %s, wanted tensor<2xui64>%s", type_str(&v->scratch, state->type), three ? "" : " or tensor<3xui64>");
	if (!(out[0] = result_like(v, op, 0, state)) || !(out[1] = result(v, op, 1, t.rank, t.dim))) return false;
	return generate(v, op, state, out[0], out[1]);
}
