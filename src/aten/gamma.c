/* Hurwitz zeta, polygamma and incomplete gamma functions.
 *
 * zeta: Euler and Maclaurin's sum as Cephes (zeta.c) arranges it. The incomplete gamma functions choose
 * among the series of DLMF 8.11.4 and 8.7.3, the continued fraction 8.9.2 and Temme's uniform expansion
 * 8.12.3 as SciPy and PyTorch do, but for the factor x^a exp(-x) / gamma(a), which is Loader's. x and y are
 * f32 or f64 of one type. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>

#define COUNT(c) ((int)(sizeof(c) / sizeof *(c)))

static const double pi = 3.14159265358979323846;

/* Half the distance from 1 to the next number. */
static double unit_roundoff(DType t) { return t == DTYPE_f64 ? 0x1p-53 : 0x1p-24; }

static Value both(Builder *b, Value x, Value y) { return hlo_and(b, x, y); }

/* low < x < high */
static Value between(Builder *b, double low, Value x, double high)
{
	Value above = is(b, DIRECTION_GT, x, low);
	return both(b, above, is(b, DIRECTION_LT, x, high));
}

/* -- zeta ------------------------------------------------------------------------------------------------ */

/* Terms below this part of the sum end it, in both types. */
static const double zeta_precision = 1.11022302462515654042e-16;

enum { ZETA_MOVES, ZETA_K, ZETA_TERM, ZETA_SUM, NZETA };
typedef struct Zeta { Value x, q; } Zeta;

/* |term| < precision * sum */
static Value zeta_ends(Builder *b, Value term, Value sum)
{
	return hlo_compare(b, DIRECTION_LT, hlo_abs(b, term), scaled(b, sum, zeta_precision));
}

/* sum += (q + k)^-x, to the ninth term and until q + k > 9 */
static void zeta_step(Builder *b, const void *env, const Value *v, Value *next)
{
	const Zeta *z = env;
	Value k = plus(b, v[ZETA_K], 1);
	Value at = hlo_add(b, z->q, k);
	Value term = hlo_power(b, at, hlo_negate(b, z->x));
	Value sum = hlo_add(b, v[ZETA_SUM], term);
	Value few = is(b, DIRECTION_LT, k, 9);
	Value more = hlo_or(b, few, is(b, DIRECTION_LE, at, 9));
	next[ZETA_MOVES] = both(b, more, hlo_not(b, zeta_ends(b, term, sum)));
	next[ZETA_K] = k;
	next[ZETA_TERM] = term;
	next[ZETA_SUM] = sum;
}

/* The rest of the sum from w on, whose term w^-x has been taken: term (w / (x - 1) - 1 / 2 + x / w sum of
 * B2i / (2i)! (x + 1) ... (x + 2i - 2) / w^(2i - 2)) */
static Value zeta_rest(Builder *b, Value x, Value w, Value term)
{
	static const double denominator[] = { 12, -720, 30240, -1209600, 47900160, -1.8924375803183791606e9,
		7.47242496e10, -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15,
		1.8152105401943546773e17, -7.1661652561756670113e18 };
	int n = COUNT(denominator);
	Value y = full_like(b, x, 1 / denominator[n - 1]);
	for (int i = n - 1; i > 0; i--) {
		Value u = hlo_divide(b, plus(b, x, 2 * i - 1), w);
		Value v = hlo_divide(b, plus(b, x, 2 * i), w);
		y = hlo_multiply(b, hlo_multiply(b, u, v), y);
		y = plus(b, y, 1 / denominator[i - 1]);
	}
	y = hlo_multiply(b, hlo_divide(b, x, w), y);
	Value whole = hlo_divide(b, w, plus(b, x, -1));
	y = hlo_add(b, y, plus(b, whole, -0.5));
	return hlo_multiply(b, term, y);
}

/* sum over k >= 0 of (q + k)^-x: infinite at x = 1 and at whole q <= 0, NaN for x < 1 and where a negative
 * number would have a broken power */
Value math_zeta(Builder *b, Value x, Value q)
{
	Value zero = full_like(b, q, 0), init[NZETA], out[NZETA];
	Value below = is(b, DIRECTION_LE, q, 0);
	Value pole = both(b, below, hlo_compare(b, DIRECTION_EQ, q, hlo_floor(b, q)));
	Value broken = both(b, below, hlo_compare(b, DIRECTION_NE, x, hlo_floor(b, x)));
	Value low = is(b, DIRECTION_LE, x, 1);
	Value known = hlo_or(b, hlo_or(b, low, pole), broken);
	init[ZETA_MOVES] = hlo_not(b, known);
	init[ZETA_K] = init[ZETA_TERM] = zero;
	init[ZETA_SUM] = hlo_power(b, q, hlo_negate(b, x));
	if (!iterate(b, NZETA, init, zeta_step, &(Zeta){ x, q }, out)) return 0;
	Value w = hlo_add(b, q, out[ZETA_K]);
	Value rest = zeta_rest(b, x, w, out[ZETA_TERM]);
	Value finite = both(b, hlo_is_finite(b, x), hlo_is_finite(b, w));
	Value none = both(b, is(b, DIRECTION_EQ, out[ZETA_TERM], 0), finite);
	Value y = hlo_add(b, out[ZETA_SUM], if_num(b, none, 0, rest));
	y = hlo_select(b, zeta_ends(b, out[ZETA_TERM], out[ZETA_SUM]), out[ZETA_SUM], y);
	y = if_num(b, broken, NAN, y);
	y = if_num(b, pole, INFINITY, y);
	y = if_num(b, low, NAN, y);
	return if_num(b, is(b, DIRECTION_EQ, x, 1), INFINITY, y);
}

/* -- polygamma ------------------------------------------------------------------------------------------- */

/* sum over k < 6 of 1 / (x + k)^2, and at z = x + 6 the series
 * (1 + 1 / (2 z) + u (1 / 6 - u (1 / 30 - u / 42))) / z, u = 1 / z^2 */
static Value trigamma_right(Builder *b, Value x)
{
	static const double c[] = { 1.0 / 42, -1.0 / 30, 1.0 / 6, 0 };
	Value sum = 0;
	for (int k = 0; k < 6; k++) {
		Value term = plus(b, x, k);
		term = over(b, 1, hlo_multiply(b, term, term));
		sum = sum ? hlo_add(b, sum, term) : term;
	}
	Value z = plus(b, x, 6);
	Value inv = over(b, 1, z);
	Value y = POLYNOMIAL(b, hlo_multiply(b, inv, inv), c);
	y = hlo_add(b, y, plus(b, scaled(b, inv, 0.5), 1));
	return hlo_add(b, sum, hlo_multiply(b, y, inv));
}

/* Below 1/2 by reflection: pi^2 / sin(pi x)^2 - trigamma(1 - x) */
Value math_trigamma(Builder *b, Value x)
{
	Value reflected = is(b, DIRECTION_LT, x, 0.5);
	Value z = hlo_select(b, reflected, minus_from(b, 1, x), x);
	Value y = trigamma_right(b, z);
	Value s = hlo_sine(b, scaled(b, x, pi));
	s = over(b, pi * pi, hlo_multiply(b, s, s));
	return hlo_select(b, reflected, hlo_subtract(b, s, y), y);
}

/* psi^(n)(x) = (-1)^(n+1) n! zeta(n + 1, x), n >= 2 */
static Value higher_polygamma(Builder *b, int64_t order, Value x)
{
	Value y = math_zeta(b, full_like(b, x, (double)order + 1), x);
	double factor = tgamma((double)order + 1);
	return scaled(b, y, order % 2 ? factor : -factor);
}

/* aten.polygamma(n, self) */
Value lower_polygamma(Node *n)
{
	Builder *b = n->b;
	int64_t order = arg_int(n, "n", 0);
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	if (order < 0) return node_fail(n, BAD_INPUT, "n is %lld, wanted 0 or more", (long long)order);
	Value y = order == 0 ? math_digamma(b, x) : order == 1 ? math_trigamma(b, x) : higher_polygamma(b, order, x);
	return cast(b, y, n->out.elem);
}

/* aten.mvlgamma(self, p): p (p - 1) / 4 log(pi) + sum over j < p of lgamma(self - j / 2); torch stores each
 * step in the result's type */
Value lower_mvlgamma(Node *n)
{
	Builder *b = n->b;
	int64_t p = arg_int(n, "p", 1);
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	if (p < 1) return node_fail(n, BAD_INPUT, "p is %lld, wanted 1 or more", (long long)p);
	int last = known_type(b, x).rank;
	x = unsqueeze_dim(b, x, last);
	if (!x) return 0;
	Type wide = shape_with(b, known_type(b, x), last, p);
	Value half = scaled(b, positions(b, wide, last, wide.elem), 0.5);
	x = rounded_to(b, hlo_subtract(b, broadcast(b, x, wide), half), n->out.elem);
	x = rounded_to(b, math_lgamma(b, x), n->out.elem);
	x = rounded_to(b, sum_over(b, x, one_dim(b, last)), n->out.elem);
	x = plus(b, x, 0.25 * (double)p * (double)(p - 1) * log(pi));
	return cast(b, x, n->out.elem);
}

/* -- incomplete gamma functions -------------------------------------------------------------------------- */

enum { MAX_TERMS = 2000 };

/* What all ways to compute them share. h = (x - a) / a - log(x / a) */
typedef struct Incomplete { Value a, x, distance, h, factor; double eps; } Incomplete;

/* log(gamma(a)) - (a - 1/2) log(a) + a - log(2 pi) / 2 for a >= 10: sum B2k / (2k (2k - 1) a^(2k - 1)) */
static Value stirling_error(Builder *b, Value a)
{
	static const double c[] = { 1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260,
		-1.0 / 360, 1.0 / 12 };
	Value inv = over(b, 1, a);
	Value y = POLYNOMIAL(b, hlo_multiply(b, inv, inv), c);
	return hlo_multiply(b, y, inv);
}

/* x^a exp(-x) / gamma(a): from 10 sqrt(a / (2 pi)) exp(-stirling_error(a) - a h), which does not take the
 * difference of great numbers (C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000) */
static Value power_factor(Builder *b, Value a, Value x, Value h)
{
	Value far = hlo_add(b, stirling_error(b, a), hlo_multiply(b, a, h));
	far = hlo_exponential(b, hlo_negate(b, far));
	far = hlo_multiply(b, far, hlo_sqrt(b, scaled(b, a, 1 / (2 * pi))));
	Value near = hlo_multiply(b, a, hlo_log(b, x));
	near = hlo_subtract(b, near, x);
	near = hlo_exponential(b, hlo_subtract(b, near, math_lgamma(b, a)));
	Value close = is(b, DIRECTION_LT, a, 10);
	return hlo_select(b, close, near, far);
}

static Incomplete incomplete(Builder *b, Value a, Value x)
{
	Value sigma = hlo_divide(b, hlo_subtract(b, x, a), a);
	Value distance = hlo_abs(b, sigma);
	Value near = hlo_log_plus_one(b, sigma);
	Value far = hlo_log(b, hlo_divide(b, x, a));
	Value close = is(b, DIRECTION_LT, distance, 0.4);
	Value h = hlo_subtract(b, sigma, hlo_select(b, close, near, far));
	Value factor = power_factor(b, a, x, h);
	return (Incomplete){ a, x, distance, h, factor, unit_roundoff(known_type(b, a).elem) };
}

enum { SERIES_MOVES, SERIES_K, SERIES_TERM, SERIES_SUM, NSERIES };

/* term *= x / (a + k), sum += term */
static void lower_series_step(Builder *b, const void *env, const Value *v, Value *next)
{
	const Incomplete *g = env;
	Value k = plus(b, v[SERIES_K], 1);
	Value ratio = hlo_divide(b, g->x, hlo_add(b, g->a, k));
	Value term = hlo_multiply(b, v[SERIES_TERM], ratio);
	Value sum = hlo_add(b, v[SERIES_SUM], term);
	Value counts = hlo_compare(b, DIRECTION_GT, term, scaled(b, sum, g->eps));
	next[SERIES_MOVES] = both(b, counts, is(b, DIRECTION_LT, k, MAX_TERMS));
	next[SERIES_K] = k;
	next[SERIES_TERM] = term;
	next[SERIES_SUM] = sum;
}

/* P = factor / a sum over k of x^k / ((a + 1) ... (a + k)), where wanted */
static Value lower_series(Builder *b, const Incomplete *g, Value wanted)
{
	Value init[NSERIES], out[NSERIES];
	init[SERIES_MOVES] = wanted;
	init[SERIES_K] = full_like(b, g->a, 0);
	init[SERIES_TERM] = init[SERIES_SUM] = full_like(b, g->a, 1);
	if (!iterate(b, NSERIES, init, lower_series_step, g, out)) return 0;
	Value y = hlo_divide(b, g->factor, g->a);
	return hlo_multiply(b, y, out[SERIES_SUM]);
}

/* term *= -x / k, sum += term / (a + k) */
static void upper_series_step(Builder *b, const void *env, const Value *v, Value *next)
{
	const Incomplete *g = env;
	Value k = plus(b, v[SERIES_K], 1);
	Value term = hlo_divide(b, hlo_multiply(b, v[SERIES_TERM], hlo_negate(b, g->x)), k);
	Value part = hlo_divide(b, term, hlo_add(b, g->a, k));
	Value sum = hlo_add(b, v[SERIES_SUM], part);
	Value least = scaled(b, hlo_abs(b, sum), g->eps);
	Value counts = hlo_compare(b, DIRECTION_GT, hlo_abs(b, part), least);
	next[SERIES_MOVES] = both(b, counts, is(b, DIRECTION_LT, k, MAX_TERMS));
	next[SERIES_K] = k;
	next[SERIES_TERM] = term;
	next[SERIES_SUM] = sum;
}

/* Q = 1 - x^a / gamma(1 + a) - x^a / gamma(a) sum over k >= 1 of (-x)^k / (k! (a + k)), where wanted */
static Value upper_series(Builder *b, const Incomplete *g, Value wanted)
{
	Value init[NSERIES], out[NSERIES], zero = full_like(b, g->a, 0);
	init[SERIES_MOVES] = wanted;
	init[SERIES_K] = init[SERIES_SUM] = zero;
	init[SERIES_TERM] = full_like(b, g->a, 1);
	if (!iterate(b, NSERIES, init, upper_series_step, g, out)) return 0;
	Value power = hlo_multiply(b, g->a, hlo_log(b, g->x));
	Value first = hlo_subtract(b, power, math_lgamma(b, plus(b, g->a, 1)));
	first = hlo_exponential_minus_one(b, first);
	Value rest = hlo_subtract(b, power, math_lgamma(b, g->a));
	rest = hlo_multiply(b, hlo_exponential(b, rest), out[SERIES_SUM]);
	return hlo_negate(b, hlo_add(b, first, rest));
}

enum { FRACTION_MOVES, FRACTION_K, FRACTION_C, FRACTION_D, FRACTION_VALUE, NFRACTION };

/* Lentz's way: with p = k (a - k) and q = x - a + 2 k + 1, d = 1 / (q + p d), c = q + p / c, value *= c d */
static void fraction_step(Builder *b, const void *env, const Value *v, Value *next)
{
	const Incomplete *g = env;
	Value k = plus(b, v[FRACTION_K], 1);
	Value p = hlo_multiply(b, k, hlo_subtract(b, g->a, k));
	Value q = hlo_add(b, hlo_subtract(b, g->x, g->a), plus(b, scaled(b, k, 2), 1));
	Value d = over(b, 1, hlo_add(b, q, hlo_multiply(b, p, v[FRACTION_D])));
	Value c = hlo_add(b, q, hlo_divide(b, p, v[FRACTION_C]));
	Value change = hlo_multiply(b, c, d);
	Value off = hlo_abs(b, plus(b, change, -1));
	Value counts = is(b, DIRECTION_GT, off, 2 * g->eps);
	next[FRACTION_MOVES] = both(b, counts, is(b, DIRECTION_LT, k, MAX_TERMS));
	next[FRACTION_K] = k;
	next[FRACTION_C] = c;
	next[FRACTION_D] = d;
	next[FRACTION_VALUE] = hlo_multiply(b, v[FRACTION_VALUE], change);
}

/* Q = factor / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...)), where wanted */
static Value upper_fraction(Builder *b, const Incomplete *g, Value wanted)
{
	Value init[NFRACTION], out[NFRACTION];
	Value d = over(b, 1, plus(b, hlo_subtract(b, g->x, g->a), 1));
	init[FRACTION_MOVES] = wanted;
	init[FRACTION_K] = full_like(b, g->a, 0);
	init[FRACTION_C] = full_like(b, g->a, 1e30);
	init[FRACTION_D] = init[FRACTION_VALUE] = d;
	if (!iterate(b, NFRACTION, init, fraction_step, g, out)) return 0;
	return hlo_multiply(b, g->factor, out[FRACTION_VALUE]);
}

/* Temme's coefficients: row k has those of eta^n for a^-k, the highest n first, as many as matter in f64 for
 * a > 20 and |eta| < TEMME_ETA */
enum { TEMME_ROWS = 11, TEMME_TERMS = 15 };
#define TEMME_ETA 0.36
#define TEMME_A   20
static const int temme_count[TEMME_ROWS] = { 15, 15, 13, 12, 11, 9, 7, 7, 6, 4, 2 };
static const double temme_table[TEMME_ROWS][TEMME_TERMS] = {
	{ 9.14769958223679e-10, -4.382036018453353e-09, 1.0261809784240309e-08, 6.707853543401498e-09,
		-1.7665952736826078e-07, 8.296711340953087e-07, -1.85406221071516e-06, -2.1854485106799924e-06,
		3.919263178522438e-05, -0.0001787551440329218, 0.0003527336860670194, 0.0011574074074074073,
		-0.014814814814814815, 0.08333333333333333, -0.3333333333333333 },
	{ -1.0091543710600413e-09, -1.7543241719747647e-11, 1.1951628599778148e-08, -5.752545603517705e-08,
		1.378633446915721e-07, 4.647127802807434e-09, -1.6120900894563446e-06, 7.64916091608111e-06,
		-1.8098550334489977e-05, -4.018775720164609e-07, 0.00020576131687242798, -0.0009902263374485596,
		0.0026455026455026454, -0.003472222222222222, -0.001851851851851852 },
	{ -1.409252991086752e-08, -2.0477098421990866e-10, 1.4280614206064242e-07, -6.298992138380055e-07,
		1.3721957309062932e-06, 3.423578734096138e-08, -1.2760635188618728e-05, 5.2923448829120125e-05,
		-0.00010736653226365161, 2.0093878600823047e-06, 0.0007716049382716049, -0.0026813271604938273,
		0.004133597883597883 },
	{ 8.099464905388083e-08, -1.6958404091930278e-07, -2.7861080291528143e-11, 1.4230900732435883e-06,
		-5.6749528269915965e-06, 1.1082654115347302e-05, -2.396505113867297e-07, -7.561801671883977e-05,
		0.00026772063206283885, -0.0004691894943952557, 0.00022947209362139917, 0.0006494341563786008 },
	{ -2.292934834000805e-07, 8.907507532205309e-07, -1.6954149536558305e-06, 2.507497226237533e-10,
		1.1375726970678419e-05, -3.968365047179435e-05, 6.641498215465122e-05, -1.4638452578843418e-06,
		-0.0002990724803031902, 0.0007840392217200666, -0.0008618882909167117 },
	{ -2.291481176508095e-06, 8.018470256334202e-06, -1.3594048189768693e-05, 1.419062920643967e-07,
		6.797780477937208e-05, -0.00019932570516188847, 0.0002772753244959392, -6.972813758365858e-05,
		-0.00033679855336635813 },
	{ -1.8329116582843375e-05, 5.61168275310625e-05, -8.153969367561969e-05, 7.902353232660328e-07,
		0.0002708782096718045, -0.0005921664373536939, 0.0005313079364639922 },
	{ 2.7744451511563645e-05, -1.2741009095484485e-07, -0.00010976582244684731, 0.0002812695154763237,
		-0.00033493161081142234, 5.171790908260592e-05, 0.00034436760689237765 },
	{ -0.00012783517679769218, 0.00016644846642067547, -6.969091458420552e-07, -0.000438297098541721,
		0.0008394987206720873, -0.0006526239185953094 },
	{ -0.0006401475260262758, 0.0006782308837667328, -7.204895416020011e-05, -0.0005967612901927463 },
	{ -0.0019144384985654776, 0.0013324454494800656 },
};

/* sum over k, n of c[k][n] eta^n a^-k; terms that do not reach eps are left out */
static Value temme_sum(Builder *b, Value a, Value eta, double eps)
{
	Value y = 0;
	for (int k = TEMME_ROWS - 1; k >= 0; k--) {
		const double *c = temme_table[k];
		int n = temme_count[k];
		double weight = pow(TEMME_A, -k);
		while (n > 1 && fabs(*c) * weight * pow(TEMME_ETA, n - 1) < 0.1 * eps) c++, n--;
		if (n == 1 && !y && fabs(*c) * weight < 0.1 * eps) continue;
		Value row = polynomial(b, eta, n, c);
		y = y ? hlo_add(b, row, hlo_divide(b, y, a)) : row;
	}
	return y;
}

/* P: erfc(-eta sqrt(a / 2)) / 2 - r, Q: erfc(eta sqrt(a / 2)) / 2 + r, r = exp(-a eta^2 / 2) temme_sum
 * / sqrt(2 pi a), eta^2 / 2 = h with the sign of x - a */
static Value uniform_expansion(Builder *b, const Incomplete *g, bool upper)
{
	Value eta = hlo_sqrt(b, scaled(b, g->h, 2));
	Value left = hlo_compare(b, DIRECTION_LT, g->x, g->a);
	eta = hlo_select(b, left, hlo_negate(b, eta), eta);
	Value r = hlo_exponential(b, hlo_negate(b, hlo_multiply(b, g->a, g->h)));
	r = hlo_multiply(b, r, temme_sum(b, g->a, eta, g->eps));
	r = hlo_divide(b, r, hlo_sqrt(b, scaled(b, g->a, 2 * pi)));
	Value y = hlo_multiply(b, eta, hlo_sqrt(b, scaled(b, g->a, 0.5)));
	y = math_erfc(b, upper ? y : hlo_negate(b, y));
	y = scaled(b, y, 0.5);
	return upper ? hlo_add(b, y, r) : hlo_subtract(b, y, r);
}

/* a > 20 and x so near to it that the others would take many terms */
static Value is_uniform(Builder *b, const Incomplete *g)
{
	Value near = over(b, 4.5, hlo_sqrt(b, g->a));
	near = hlo_compare(b, DIRECTION_LT, g->distance, at_most(b, near, 0.3));
	return both(b, near, is(b, DIRECTION_GT, g->a, TEMME_A));
}

/* Where 1 - P would lose digits: x <= 1.1, a <= -0.4 / log(x), from 1/2 on a <= 1.1 x */
static Value is_small(Builder *b, const Incomplete *g)
{
	Value low = over(b, -0.4, hlo_log(b, g->x));
	Value half = is(b, DIRECTION_LE, g->x, 0.5);
	Value most = hlo_select(b, half, low, scaled(b, g->x, 1.1));
	Value small = hlo_compare(b, DIRECTION_LE, g->a, most);
	return both(b, small, is(b, DIRECTION_LE, g->x, 1.1));
}

/* What lies on the edges: NaN for a or x below 0 and where both are 0 or both infinite, else 0 or 1 */
static Value with_edges(Builder *b, Value a, Value x, Value y, bool upper)
{
	Value no_x = is(b, DIRECTION_EQ, x, 0), no_a = is(b, DIRECTION_EQ, a, 0);
	Value all_x = math_isposinf(b, x), all_a = math_isposinf(b, a);
	double zero = upper, one = !upper;
	y = if_num(b, all_x, one, y);
	y = if_num(b, all_a, zero, y);
	y = if_num(b, both(b, all_a, all_x), NAN, y);
	y = if_num(b, no_x, zero, y);
	y = if_num(b, no_a, one, y);
	y = if_num(b, both(b, no_a, hlo_not(b, is(b, DIRECTION_GT, x, 0))), NAN, y);
	Value below = hlo_or(b, is(b, DIRECTION_LT, a, 0), is(b, DIRECTION_LT, x, 0));
	return if_num(b, below, NAN, y);
}

/* P(a, x), or Q(a, x) = 1 - P: the fraction for 1.1 < x >= a, else the series */
static Value incomplete_gamma(Builder *b, Value a, Value x, bool upper)
{
	if (!known_type(b, a).kind || !known_type(b, x).kind) return 0;
	Incomplete g = incomplete(b, a, x);
	Value inside = both(b, between(b, 0, a, INFINITY), between(b, 0, x, INFINITY));
	Value uniform = is_uniform(b, &g);
	Value wanted = both(b, inside, hlo_not(b, uniform));
	Value right = both(b, is(b, DIRECTION_GT, x, 1.1), hlo_compare(b, DIRECTION_GE, x, a));
	Value small = is_small(b, &g);
	Value by_series = hlo_not(b, upper ? hlo_or(b, right, small) : right);
	Value p = lower_series(b, &g, both(b, wanted, by_series));
	Value q = upper_fraction(b, &g, both(b, wanted, right));
	Value other = minus_from(b, 1, upper ? p : q);
	Value y = hlo_select(b, right, upper ? q : other, upper ? other : p);
	if (upper) {
		q = upper_series(b, &g, both(b, wanted, small));
		y = hlo_select(b, small, q, y);
	}
	y = hlo_select(b, uniform, uniform_expansion(b, &g, upper), y);
	return with_edges(b, a, x, y, upper);
}

Value math_igamma(Builder *b, Value a, Value x) { return incomplete_gamma(b, a, x, false); }
Value math_igammac(Builder *b, Value a, Value x) { return incomplete_gamma(b, a, x, true); }
