/* Complex numbers. */
#include "aten/pointwise.h"
#include "aten/rules.h"

static const double pi = 3.14159265358979323846;

/* aten.real(self); a real self is itself */
Value lower_real(Node *n)
{
	Value x = arg(n, "self");
	return is_complex(known_type(n->b, x).elem) ? hlo_real(n->b, x) : x;
}

/* aten.imag(self) */
Value lower_imag(Node *n)
{
	Value x = arg(n, "self");
	return hlo_imag(n->b, x);
}

/* aten.conj, _conj, conj_physical(self): re - i im */
Value lower_conj(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!is_complex(known_type(b, x).elem)) return x;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	im = hlo_negate(b, im);
	return hlo_complex(b, re, im);
}

/* aten.complex(real, imag) */
Value lower_complex(Node *n)
{
	DType t = real_of(n->out.elem);
	Value re = operand(n, "real", t);
	Value im = operand(n, "imag", t);
	return hlo_complex(n->b, re, im);
}

/* aten.polar(abs, angle): abs cos(angle) + i abs sin(angle) */
Value lower_polar(Node *n)
{
	Builder *b = n->b;
	DType t = real_of(n->out.elem);
	Value size = operand(n, "abs", t);
	Value angle = operand(n, "angle", t);
	Value re = hlo_cosine(b, angle);
	Value im = hlo_sine(b, angle);
	re = hlo_multiply(b, size, re);
	im = hlo_multiply(b, size, im);
	return hlo_complex(b, re, im);
}

/* aten.angle(self): atan2(im, re); of a real number pi below 0, NaN for NaN */
Value lower_angle(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	Value y;
	if (is_complex(known_type(b, x).elem)) {
		Value re = hlo_real(b, x);
		Value im = hlo_imag(b, x);
		y = hlo_atan2(b, im, re);
	} else {
		Value below = is(b, DIRECTION_LT, x, 0);
		y = full_like(b, x, 0);
		y = if_num(b, below, pi, y);
		Value nan = math_isnan(b, x);
		y = hlo_select(b, nan, x, y);
	}
	return cast(b, y, n->out.elem);
}
