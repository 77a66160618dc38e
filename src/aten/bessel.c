/* Bessel functions of order 0 and 1, and Airy's.
 *
 * The fits are S. Moshier's (Cephes: i0.c, i1.c, k0.c, k1.c, j0.c, j1.c), whose coefficients are the ones
 * PyTorch's kernels have. Powers fall from left to right. x is f32 or f64. */
#include "aten/formulas.h"
#include "aten/node.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* p(x) / q(x) */
static Value quotient(Builder *b, Value x, int np, const double *p, int nq, const double *q)
{
	Value num = polynomial(b, x, np, p);
	Value den = polynomial(b, x, nq, q);
	return hlo_divide(b, num, den);
}
#define QUOTIENT(b, x, p, q) quotient(b, x, COUNT(p), p, COUNT(q), q)
#define COUNT(c) ((int)(sizeof(c) / sizeof *(c)))

/* y with x's sign: y is an odd function's value at |x| */
static Value odd(Builder *b, Value x, Value y)
{
	Value negative = is(b, DIRECTION_LT, x, 0);
	return hlo_select(b, negative, hlo_negate(b, y), y);
}

/* Of the second kind: near to the bound and far above it; at 0 as said, below NaN */
static Value second_kind(Builder *b, Value x, double bound, Value near, Value far, double at_zero)
{
	Value close = is(b, DIRECTION_LE, x, bound);
	Value y = hlo_select(b, close, near, far);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	y = if_num(b, zero, at_zero, y);
	Value below = is(b, DIRECTION_LT, x, 0);
	return if_num(b, below, NAN, y);
}

/* -- modified, of the first kind ------------------------------------------------------------------------- */

static const double i0_near[] = {
	-4.4153416464793395e-18, 3.3307945188222384e-17, -2.4312798465479549e-16,
	1.7153912855551331e-15, -1.1685332877993451e-14, 7.6761854986049361e-14,
	-4.856446783111929e-13, 2.9550526631296399e-12, -1.7268262914415559e-11, 9.675809035373237e-11,
	-5.1897956016352627e-10, 2.6598237246823866e-09, -1.300025009986248e-08,
	6.0469950225419186e-08, -2.6707938539406119e-07, 1.1173875391201037e-06,
	-4.4167383584587505e-06, 1.6448448070728896e-05, -5.754195010082104e-05,
	0.00018850288509584165, -0.00057637557453858236, 0.0016394756169413357, -0.0043243099950505759,
	0.010546460394594998, -0.023737414805899471, 0.049305284239670712, -0.094901097048047639,
	0.17162090152220877, -0.3046826723431984, 0.67679527440947607
};
static const double i0_far[] = {
	-7.2331804878747538e-18, -4.8305044859441819e-18, 4.4656214202967598e-17,
	3.4612228676974612e-17, -2.8276239805165836e-16, -3.425485619677219e-16,
	1.7725601330565263e-15, 3.8116806693526224e-15, -9.5548466988283073e-15,
	-4.1505693472872222e-14, 1.54008621752141e-14, 3.8527783827421426e-13, 7.180124451383666e-13,
	-1.7941785315068062e-12, -1.3215811840447713e-11, -3.1499165279632416e-11,
	1.1889147107846439e-11, 4.9406023882249701e-10, 3.3962320257083865e-09, 2.266668990498178e-08,
	2.0489185894690638e-07, 2.8913705208347567e-06, 6.8897583469168245e-05, 0.0033691164782556943,
	0.80449041101410879
};
static const double i1_near[] = {
	2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16,
	-1.1055969477353862e-15, 7.6006842947354077e-15, -5.0421855047279118e-14,
	3.2237933659455748e-13, -1.9839743977649436e-12, 1.1736186298890901e-11,
	-6.6634897235020271e-11, 3.6255902815521172e-10, -1.8872497517228294e-09,
	9.3815373864957726e-09, -4.4450591287963281e-08, 2.0032947535521353e-07,
	-8.5687202646954547e-07, 3.4702513081376785e-06, -1.3273163656039436e-05,
	4.7815651075500542e-05, -0.00016176081582589674, 0.00051228595616857576,
	-0.0015135724506312532, 0.0041564229443128882, -0.010564084894626197, 0.024726449030626516,
	-0.052945981208094989, 0.10264365868984709, -0.17641651835783406, 0.25258718644363365
};
static const double i1_far[] = {
	7.5172963108421052e-18, 4.4143483230717077e-18, -4.6503053684893586e-17,
	-3.2095259219934238e-17, 2.9626289976459501e-16, 3.3082023109209285e-16,
	-1.8803547755107825e-15, -3.8144030724370075e-15, 1.0420276984128802e-14,
	4.272440016711951e-14, -2.1015418427726643e-14, -4.0835511110921974e-13,
	-7.1985517762459084e-13, 2.0356285441470896e-12, 1.4125807436613782e-11,
	3.2526035830154884e-11, -1.8974958123505413e-11, -5.5897434621965838e-10,
	-3.835380385964237e-09, -2.6314688468895196e-08, -2.5122362378702088e-07,
	-3.8825648088776906e-06, -0.00011058893876262371, -0.0097610974913614687, 0.77857623501828011
};

/* c[n-1] / 2 + sum over k >= 1 of c[n-1-k] T_k(x / 2), T_k the Chebyshev polynomials, by Clenshaw's
 * recurrence: b_k = x b_(k+1) - b_(k+2) + c, and half of the first less the third of the last three */
static Value chebyshev_series(Builder *b, Value x, int n, const double *c)
{
	Value next = full_like(b, x, 0), after = next, y = full_like(b, x, c[0]);
	for (int i = 1; i < n; i++) {
		after = next;
		next = y;
		y = hlo_multiply(b, x, next);
		y = hlo_subtract(b, y, after);
		y = plus(b, y, c[i]);
	}
	y = hlo_subtract(b, y, after);
	return scaled(b, y, 0.5);
}
#define SERIES(b, x, c) chebyshev_series(b, x, COUNT(c), c)

/* k / x - 2: [k / 4, inf) brought to [-2, 2] */
static Value far_argument(Builder *b, Value x, double k)
{
	Value u = over(b, k, x);
	return plus(b, u, -2);
}

/* factor(x) series(32 / x - 2) / sqrt(x), x > 8; the factor, 0 for 1, is multiplied first, so that it may
 * overflow as torch's does */
static Value far_series(Builder *b, Value x, Value series, Value factor)
{
	if (factor) series = hlo_multiply(b, factor, series);
	Value root = hlo_sqrt(b, x);
	return hlo_divide(b, series, root);
}

/* x / 2 - 2: [0, 8] brought to [-2, 2] */
static Value near_argument(Builder *b, Value x)
{
	Value u = scaled(b, x, 0.5);
	return plus(b, u, -2);
}

/* factor times exp(-|x|) I0(x): a series to 8, another above */
static Value i0_times(Builder *b, Value x, Value factor)
{
	Value near = SERIES(b, near_argument(b, x), i0_near);
	if (factor) near = hlo_multiply(b, factor, near);
	Value far = SERIES(b, far_argument(b, x, 32), i0_far);
	far = far_series(b, x, far, factor);
	Value close = is(b, DIRECTION_LE, x, 8);
	return hlo_select(b, close, near, far);
}

/* factor times exp(-|x|) I1(x), which is odd */
static Value i1_times(Builder *b, Value x, Value size, Value factor)
{
	Value near = SERIES(b, near_argument(b, size), i1_near);
	near = hlo_multiply(b, near, size);
	if (factor) near = hlo_multiply(b, factor, near);
	Value far = SERIES(b, far_argument(b, size, 32), i1_far);
	far = far_series(b, size, far, factor);
	Value close = is(b, DIRECTION_LE, size, 8);
	return odd(b, x, hlo_select(b, close, near, far));
}

Value math_i0(Builder *b, Value x)
{
	x = hlo_abs(b, x);
	return i0_times(b, x, hlo_exponential(b, x));
}

Value math_i0e(Builder *b, Value x) { return i0_times(b, hlo_abs(b, x), 0); }

Value math_i1(Builder *b, Value x)
{
	Value size = hlo_abs(b, x);
	return i1_times(b, x, size, hlo_exponential(b, size));
}

Value math_i1e(Builder *b, Value x) { return i1_times(b, x, hlo_abs(b, x), 0); }

/* -- modified, of the second kind ------------------------------------------------------------------------ */

static const double k0_near[] = {
	1.374465435613523e-16, 4.2598161427966103e-14, 1.0349695257633842e-11, 1.9045163772202091e-09,
	2.5347910790261494e-07, 2.2862121031194519e-05, 0.001264615411446926, 0.035979936515361501,
	0.3442898999246285, -0.53532739323390277
};
static const double k0_far[] = {
	5.300433772686263e-18, -1.6475804301524212e-17, 5.2103915050390274e-17, -1.678231096805412e-16,
	5.5120559785243193e-16, -1.8485933773437788e-15, 6.3400764774050706e-15,
	-2.2275133269916698e-14, 8.0328907753635752e-14, -2.9800969231727303e-13,
	1.140340588208475e-12, -4.5145978833739441e-12, 1.8559491149547177e-11, -7.957489244477107e-11,
	3.5773972814003009e-10, -1.69753450938906e-09, 8.5740340174142253e-09, -4.6604898976879478e-08,
	2.7668136394450149e-07, -1.8317555227191195e-06, 1.39498137188765e-05, -0.00012849549581627802,
	0.0015698838857300533, -0.031448101311964502, 2.4403030820659555
};
static const double k1_near[] = {
	-7.0238634793862882e-18, -2.427449850519366e-15, -6.6669016941993295e-13,
	-1.4114883926335278e-10, -2.213387630734726e-08, -2.4334061415659684e-06,
	-0.0001730288957513052, -0.0069757238596398641, -0.12261118082265715, -0.35315596077654487,
	1.5253002273389478
};
static const double k1_far[] = {
	-5.7567444836650174e-18, 1.7940508731475592e-17, -5.6894625584428592e-17,
	1.8380935443666389e-16, -6.0570472483733185e-16, 2.0387031656243341e-15,
	-7.0198370904183138e-15, 2.4771544244813043e-14, -8.9767051823249939e-14,
	3.3484196660784293e-13, -1.2891739609510289e-12, 5.1396396734817301e-12,
	-2.1299678384275683e-11, 9.2183151876050057e-11, -4.1903547593418965e-10,
	2.015049755197033e-09, -1.0345762465678097e-08, 5.7410841254500495e-08,
	-3.5019606030878126e-07, 2.406484947837217e-06, -1.936197974166083e-05, 0.00019521551847135162,
	-0.0028578168596227792, 0.10392373657681724, 2.7206261904844427
};

/* x^2 - 2: [0, 2] brought to [-2, 2] */
static Value square_argument(Builder *b, Value x)
{
	Value u = hlo_multiply(b, x, x);
	return plus(b, u, -2);
}

static Value log_half(Builder *b, Value x) { return hlo_log(b, scaled(b, x, 0.5)); }

/* K0(x) for x <= 2: series(x^2 - 2) - log(x / 2) I0(x) */
static Value k0_below(Builder *b, Value x)
{
	Value series = SERIES(b, square_argument(b, x), k0_near);
	Value y = math_i0(b, x);
	y = hlo_multiply(b, log_half(b, x), y);
	return hlo_subtract(b, series, y);
}

/* K1(x) for x <= 2: log(x / 2) I1(x) + series(x^2 - 2) / x */
static Value k1_below(Builder *b, Value x)
{
	Value series = SERIES(b, square_argument(b, x), k1_near);
	series = hlo_divide(b, series, x);
	Value y = math_i1(b, x);
	y = hlo_multiply(b, log_half(b, x), y);
	return hlo_add(b, y, series);
}

static Value exp_minus(Builder *b, Value x) { return hlo_exponential(b, hlo_negate(b, x)); }

/* Above 2, but for the factor: exp(-x) series(8 / x - 2) / sqrt(x). near and far: what both sides are times; 0 for 1 */
static Value k_times(Builder *b, Value x, Value series, Value below, Value near, Value far)
{
	if (near) below = hlo_multiply(b, below, near);
	far = far_series(b, x, series, far);
	return second_kind(b, x, 2, below, far, INFINITY);
}

static Value k0_above(Builder *b, Value x) { return SERIES(b, far_argument(b, x, 8), k0_far); }
static Value k1_above(Builder *b, Value x) { return SERIES(b, far_argument(b, x, 8), k1_far); }

Value math_k0(Builder *b, Value x)
{
	Value above = k0_above(b, x), below = k0_below(b, x);
	return k_times(b, x, above, below, 0, exp_minus(b, x));
}

Value math_k1(Builder *b, Value x)
{
	Value above = k1_above(b, x), below = k1_below(b, x);
	return k_times(b, x, above, below, 0, exp_minus(b, x));
}

/* exp(x) K0(x), exp(x) K1(x) */
Value math_scaled_k0(Builder *b, Value x)
{
	Value above = k0_above(b, x), below = k0_below(b, x);
	return k_times(b, x, above, below, hlo_exponential(b, x), 0);
}

Value math_scaled_k1(Builder *b, Value x)
{
	Value above = k1_above(b, x), below = k1_below(b, x);
	return k_times(b, x, above, below, hlo_exponential(b, x), 0);
}

/* -- of the first and the second kind -------------------------------------------------------------------- */

static const double cos_num0[] = {
	0.00079693672929734706, 0.08283523921074408, 1.2395337164641429, 5.4472500305876874,
	8.7471650019981695, 5.3032403823539491, 1
};
static const double cos_den0[] = {
	0.00092440881055886367, 0.08562884743544745, 1.2535274390105895, 5.4709774033041709,
	8.7619088323706951, 5.3060528823539466, 1
};
static const double sin_num0[] = {
	-0.011366383889846916, -1.2825271867050931, -19.553954425773597, -93.206015212376826,
	-177.68116798048806, -147.07750515495118, -51.410532676659933, -6.0501435060072852
};
static const double sin_den0[] = {
	64.317825611817796, 856.43002597698057, 3882.4018360540163, 7240.4677419565251,
	5930.7270118731694, 2062.0933166032783, 242.0057402402914
};
static const double j0_num[] = {
	-4794432209.7820177, 1956174919465.5657, -249248344360967.72, 9708622510473064
};
static const double j0_den[] = {
	499.56314715265103, 173785.40167637469, 48440965.833996207, 11185553704.535683,
	2112775201154.8921, 310518229857422.56, 31812195594320496, 1.7108629408104315e+18
};
static const double y0_num[] = {
	15592.436785523574, -14663929.590397161, 5435264770.5187654, -982136065717.9115,
	87590639439536.703, -3466283033847297, 44273326857256984, -18495080043698668
};
static const double y0_den[] = {
	1041.2835366425984, 626107.330137135, 268919633.39381415, 86400248710.393494,
	20297961275010.555, 3171577528429750.5, 2.5059625617265306e+17
};
static const double cos_num1[] = {
	0.00076212561620817314, 0.073139705694091756, 1.1271960812968493, 5.1120795114680764,
	8.424045901417724, 5.2145159868236153, 1
};
static const double cos_den1[] = {
	0.00057132312807254865, 0.068845590875449544, 1.105142326340617, 5.0738638612860152,
	8.3998555432760416, 5.2098284868236187, 1
};
static const double sin_num1[] = {
	0.051086259475017659, 4.9821387295123341, 75.823828413254532, 366.7796093601508,
	710.85630499892613, 597.48961240061362, 211.68875710057213, 25.207020585802372
};
static const double sin_den1[] = {
	74.237327703567516, 1056.4488603826283, 4986.4105833765361, 9562.3189240475622,
	7997.0416044735066, 2826.1927851763908, 336.0936078106983
};
static const double j1_num[] = {
	-899971225.70555937, 452228297998.19403, -72749424522181.828, 3682957328638529
};
static const double j1_den[] = {
	620.83647811805429, 256987.25675774884, 83514679.143194929, 22151159547.979252,
	4749141220799.9141, 784369607876235.88, 89522233618462736, 5.3227862033268009e+18
};
static const double y1_num[] = {
	1263204747.9017804, -647355876379.16028, 114509511541823.73, -8127702555013251,
	2.0243947571359491e+17, -7.7887719626595008e+17
};
static const double y1_den[] = {
	594.30159234612825, 235564.09294306856, 73481194.445972174, 18760131610.870617,
	3882312774962.3857, 620557727146953.75, 68714108735530048, 3.9727060811656064e+18
};

/* The amplitudes of Hankel's expansion (DLMF 10.17) at x > 5: p(25 / x^2), and 5 / x q(25 / x^2). */
typedef struct Hankel { Value p, q, angle; } Hankel;

/* sqrt(2 / (pi x)) (u +- v): what the expansion comes to */
static Value hankel_sum(Builder *b, Value x, Value sum)
{
	sum = scaled(b, sum, sqrt(2 / pi));
	Value root = hlo_sqrt(b, x);
	return hlo_divide(b, sum, root);
}

static Hankel hankel(Builder *b, Value x, int order)
{
	Value t = over(b, 5, x);
	Value u = hlo_multiply(b, t, t);
	Value p = order ? QUOTIENT(b, u, cos_num1, cos_den1) : QUOTIENT(b, u, cos_num0, cos_den0);
	Value q = order ? QUOTIENT(b, u, sin_num1, sin_den1) : QUOTIENT(b, u, sin_num0, sin_den0);
	q = hlo_multiply(b, t, q);
	Value angle = plus(b, x, order ? -0.75 * pi : -0.25 * pi);
	return (Hankel){ p, q, angle };
}

/* sqrt(2 / (pi x)) (p cos(angle) - q sin(angle)) */
static Value j_far(Builder *b, Value x, int order)
{
	Hankel h = hankel(b, x, order);
	Value u = hlo_multiply(b, h.p, hlo_cosine(b, h.angle));
	Value v = hlo_multiply(b, h.q, hlo_sine(b, h.angle));
	return hankel_sum(b, x, hlo_subtract(b, u, v));
}

/* sqrt(2 / (pi x)) (p sin(angle) + q cos(angle)) */
static Value y_far(Builder *b, Value x, int order)
{
	Hankel h = hankel(b, x, order);
	Value u = hlo_multiply(b, h.p, hlo_sine(b, h.angle));
	Value v = hlo_multiply(b, h.q, hlo_cosine(b, h.angle));
	return hankel_sum(b, x, hlo_add(b, u, v));
}

/* (u - r1) (u - r2) fit: r1 and r2 are the squares of the function's first two zeros */
static Value with_zeros(Builder *b, Value u, Value fit, double r1, double r2)
{
	Value first = plus(b, u, -r1);
	Value second = plus(b, u, -r2);
	first = hlo_multiply(b, first, second);
	return hlo_multiply(b, first, fit);
}

Value math_bessel_j0(Builder *b, Value x)
{
	x = hlo_abs(b, x);
	Value u = hlo_multiply(b, x, x);
	Value fit = QUOTIENT(b, u, j0_num, j0_den);
	Value near = with_zeros(b, u, fit, 5.78318596294678452118, 30.4712623436620863991);
	Value tiny = is(b, DIRECTION_LT, x, 1e-5);
	near = hlo_select(b, tiny, minus_from(b, 1, scaled(b, u, 0.25)), near);
	Value far = j_far(b, x, 0);
	Value close = is(b, DIRECTION_LE, x, 5);
	return hlo_select(b, close, near, far);
}

/* Odd. */
Value math_bessel_j1(Builder *b, Value x)
{
	Value size = hlo_abs(b, x);
	Value u = hlo_multiply(b, x, x);
	Value fit = hlo_multiply(b, QUOTIENT(b, u, j1_num, j1_den), size);
	Value near = with_zeros(b, u, fit, 14.6819706421238932572, 49.2184563216946036703);
	Value far = j_far(b, size, 1);
	Value close = is(b, DIRECTION_LE, size, 5);
	return odd(b, x, hlo_select(b, close, near, far));
}

/* To 5: fit(x^2) + 2 / pi log(x) J0(x) */
Value math_bessel_y0(Builder *b, Value x)
{
	Value u = hlo_multiply(b, x, x);
	Value fit = QUOTIENT(b, u, y0_num, y0_den);
	Value near = math_bessel_j0(b, x);
	near = hlo_multiply(b, near, hlo_log(b, x));
	near = scaled(b, near, 2 / pi);
	near = hlo_add(b, fit, near);
	return second_kind(b, x, 5, near, y_far(b, x, 0), -INFINITY);
}

/* To 5: x fit(x^2) + 2 / pi (J1(x) log(x) - 1 / x) */
Value math_bessel_y1(Builder *b, Value x)
{
	Value u = hlo_multiply(b, x, x);
	Value fit = hlo_multiply(b, x, QUOTIENT(b, u, y1_num, y1_den));
	Value near = math_bessel_j1(b, x);
	near = hlo_multiply(b, near, hlo_log(b, x));
	near = hlo_subtract(b, near, over(b, 1, x));
	near = scaled(b, near, 2 / pi);
	near = hlo_add(b, fit, near);
	return second_kind(b, x, 5, near, y_far(b, x, 1), -INFINITY);
}

/* sin(x) / x, below 1/2 by its series sum (-1)^k x^2k / (2k + 1)!; 0 at infinity */
Value math_spherical_bessel_j0(Builder *b, Value x)
{
	static const double c[] = { 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120,
		-1.0 / 6, 1 };
	Value u = hlo_multiply(b, x, x);
	Value near = POLYNOMIAL(b, u, c);
	Value far = hlo_divide(b, hlo_sine(b, x), x);
	Value close = is(b, DIRECTION_LT, hlo_abs(b, x), 0.5);
	Value y = hlo_select(b, close, near, far);
	return if_num(b, math_isinf(b, x), 0, y);
}

/* -- Airy's function ------------------------------------------------------------------------------------- */

/* 1 + z / (2 3) + z^2 / (2 3 5 6) + ... (first 2) or 1 + z / (3 4) + z^2 / (3 4 6 7) + ... (first 3), DLMF
 * 9.4.1: enough of them for |z| < 9.2 */
static Value airy_series(Builder *b, Value z, int first)
{
	enum { TERMS = 16 };
	double c[TERMS];
	c[TERMS - 1] = 1;
	for (int k = TERMS - 1, m = first; k > 0; k--, m += 3) c[k - 1] = c[k] / (m * (m + 1.0));
	return POLYNOMIAL(b, z, c);
}

/* |x| < 2.09: Ai(0) f(x^3) + Ai'(0) x g(x^3) */
static Value airy_near(Builder *b, Value x)
{
	Value z = hlo_multiply(b, hlo_multiply(b, x, x), x);
	Value f = scaled(b, airy_series(b, z, 2), 0.355028053887817239260);
	Value g = hlo_multiply(b, x, airy_series(b, z, 3));
	return hlo_subtract(b, f, scaled(b, g, 0.258819403792806798405));
}

static const double airy_num[] = {
	0.346538101525629032477, 12.0075952739645805542, 76.2796053615234516538, 168.089224934630576269,
	159.756391350164413639, 70.5360906840444183113, 14.0264691163389668864, 0.999999999999999995305
};
static const double airy_den[] = {
	0.567594532638770212846, 14.7562562584847203173, 84.5138970141474626562, 177.318088145400459522,
	164.234692871529701831, 71.4778400825575695274, 14.0959135607834029598, 1.00000000000000000470
};
static const double airy_sin_num[] = {
	-0.131696323418331795333, -0.626456544431912369773, -0.693158036036933542233,
	-0.279779981545119124951, -0.0491900132609500318020, -0.00406265923594885404393,
	-0.000159276496239262096340, -2.77649108155232920844e-06, -1.67787698489114633780e-08
};
static const double airy_sin_den[] = {
	13.3560420706553243746, 32.6825032795224613948, 26.7367040941499554804, 9.18707402907259625840,
	1.47529146771666414581, 0.115687173795188044134, 0.00440291641615211203805,
	7.54720348287414296618e-05, 4.51850092970580378464e-07
};
static const double airy_cos_num[] = {
	0.0197339932091685679179, 0.391103029615688277255, 1.06579897599595591108, 0.939169229816650230044,
	0.351465656105547619242, 0.0633888919628925490927, 0.00585804113048388458567,
	0.000282851600836737019778, 6.98793669997260967291e-06, 8.11789239554389293311e-08,
	3.41551784765923618484e-10
};
static const double airy_cos_den[] = {
	9.30892908077441974853, 19.8352928718312140417, 15.5646628932864612953, 5.47686069422975497931,
	0.954293611618961883998, 0.0864580826352392193095, 0.00412656523824222607191,
	0.000101259085116509135510, 1.17166733214413521882e-06, 4.91834570062930015649e-09
};

/* x >= 2.09, zeta = 2 x^(3/2) / 3: exp(-zeta) fit(1 / zeta) / (2 sqrt(pi) x^(1/4)) */
static Value airy_decaying(Builder *b, Value root, Value zeta)
{
	Value y = scaled(b, QUOTIENT(b, over(b, 1, zeta), airy_num, airy_den), 1 / sqrt(pi));
	Value den = hlo_multiply(b, scaled(b, hlo_sqrt(b, root), 2), hlo_exponential(b, zeta));
	return hlo_divide(b, y, den);
}

/* x <= -2.09, zeta = 2 |x|^(3/2) / 3, z = 1 / zeta, t = zeta + pi / 4: (sin(t) (1 + z^2 fit(z^2)) - cos(t) z
 * fit(z^2)) / (sqrt(pi) |x|^(1/4)) */
static Value airy_waving(Builder *b, Value root, Value zeta)
{
	Value z = over(b, 1, zeta), u = hlo_multiply(b, z, z);
	Value t = plus(b, zeta, 0.25 * pi);
	Value s = hlo_multiply(b, u, QUOTIENT(b, u, airy_sin_num, airy_sin_den));
	s = hlo_multiply(b, hlo_sine(b, t), plus(b, s, 1));
	Value c = hlo_multiply(b, z, QUOTIENT(b, u, airy_cos_num, airy_cos_den));
	c = hlo_multiply(b, hlo_cosine(b, t), c);
	Value y = scaled(b, hlo_subtract(b, s, c), 1 / sqrt(pi));
	return hlo_divide(b, y, hlo_sqrt(b, root));
}

/* Ai(x), with Cephes' fits (airy.c); NaN at both infinities, as torch has it, 0 above 103.892 */
Value math_airy_ai(Builder *b, Value x)
{
	Value size = hlo_abs(b, x), root = hlo_sqrt(b, size);
	Value zeta = divided_by(b, hlo_multiply(b, scaled(b, size, 2), root), 3);
	Value y = airy_near(b, bounded(b, x, -2.09, 2.09));
	y = hlo_select(b, is(b, DIRECTION_GE, x, 2.09), airy_decaying(b, root, zeta), y);
	y = hlo_select(b, is(b, DIRECTION_LT, x, -2.09), airy_waving(b, root, zeta), y);
	y = if_num(b, is(b, DIRECTION_GT, x, 103.892), 0, y);
	return if_num(b, math_isinf(b, x), NAN, y);
}
