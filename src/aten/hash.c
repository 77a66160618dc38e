/* A hash of a tensor's elements. */
#include "aten/rules.h"

/* The 64 bits that torch hashes: of the value as a double, or of the integer, negative ones in two's complement. */
static Value bits_of(Builder *b, Value x)
{
	Type t = known_type(b, x);
	if (!is_float(t.elem)) return hlo_convert(b, x, DTYPE_u64);
	x = hlo_convert(b, x, DTYPE_f64);
	return hlo_bitcast_convert(b, x, with_elem(t, DTYPE_u64));
}

/* aten.hash_tensor(self, dim=[], keepdim=False, mode=0) -> u64: exclusive or of the bits of all elements over dims */
Value lower_hash_tensor(Node *n)
{
	Builder *b = n->b;
	int64_t mode = arg_int(n, "mode", 0);
	if (mode) return node_fail(n, UNSUPPORTED, "mode %lld, wanted 0 (exclusive or)", (long long)mode);
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	if (is_complex(t.elem)) return node_fail(n, UNSUPPORTED, "a hash of %s", type_str(n->a, t));
	x = bits_of(b, x);
	x = reduce_over(b, OP_xor, x, arg_dims(n, "dim", t.rank));
	return reshape_to(b, x, n->out);
}
