/* Error and gamma functions.
 *
 * Coefficients are facts from the literature: erf in f32 is the rational minimax fit that Eigen uses; erf
 * and erfc in f64 and erfc in f32 are S. Moshier's (Cephes, ndtr.c and ndtrf.c); erfinv is M. Giles,
 * "Approximating the erfinv function" (GPU Computing Gems, 2011); lgamma is Lanczos' series with g = 7 and
 * 9 terms. */
#include "aten/formulas.h"
#include "aten/node.h"

#include <math.h>

static const double pi = 3.14159265358979323846, sqrt2 = 1.41421356237309504880;

static bool is_f64(Builder *b, Value x) { return known_type(b, x).elem == DTYPE_f64; }

/* Complex and narrow types have no such function here. */
static bool f32_or_f64(Builder *b, Value x, const char *what)
{
	DType t = known_type(b, x).elem;
	if (t == DTYPE_none || t == DTYPE_f32 || t == DTYPE_f64) return true;
	build_fail(b, UNSUPPORTED, "%s of %s", what, dtype_name(t));
	return false;
}

/* -- erf ------------------------------------------------------------------------------------------------- */

/* x P(x^2) / Q(x^2), fitted up to 3.744, where erf becomes 1 in f32; at 4 the quotient is 7e-7 above 1, so
 * that bounding it gives exactly 1 from there on, however it was rounded. At most 6 ulp off. */
static Value erf_f32(Builder *b, Value x)
{
	static const double p[] = { 2.2905065861350646e-4, 3.4082910107109506e-3, 5.0955695062380861e-2,
		0.18520832239976145,
		1.128379143519084 };
	static const double q[] = { -1.1791602954361697e-7, 2.3547966471313185e-5, 1.0179625278914885e-3,
		1.4070470171167667e-2,
		0.11098505178285362, 0.49746925110067538, 1 };
	x = bounded(b, x, -4, 4);
	Value sq = hlo_multiply(b, x, x);
	Value num = POLYNOMIAL(b, sq, p);
	num = hlo_multiply(b, x, num);
	Value den = POLYNOMIAL(b, sq, q);
	Value y = hlo_divide(b, num, den);
	return bounded(b, y, -1, 1);
}

/* |x| < 1: x T(x^2) / U(x^2) */
static Value erf_near_f64(Builder *b, Value x)
{
	static const double t[] = { 9.60497373987051638749, 9.00260197203842689217e1, 2.23200534594684319226e3,
		7.00332514112805075473e3, 5.55923013010394962768e4 };
	static const double u[] = { 1, 3.35617141647503099647e1, 5.21357949780152679795e2,
		4.59432382970980127987e3,
		2.26290000613890934246e4, 4.92673942608635921086e4 };
	Value sq = hlo_multiply(b, x, x);
	Value num = POLYNOMIAL(b, sq, t);
	num = hlo_multiply(b, x, num);
	Value den = POLYNOMIAL(b, sq, u);
	return hlo_divide(b, num, den);
}

/* exp(x^2) erfc(x) for x >= 1: P(x) / Q(x) below 8, R(x) / S(x) from there. */
static Value erfcx_far_f64(Builder *b, Value x)
{
	static const double p[] = { 2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687,
		4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
		9.34528527171957607540e2,
		1.02755188689515710272e3, 5.57535335369399327526e2 };
	static const double q[] = { 1, 1.32281951154744992508e1, 8.67072140885989742329e1,
		3.54937778887819891062e2,
		9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
		1.65666309194161350182e3,
		5.57535340817727675546e2 };
	static const double r[] = { 5.64189583547755073984e-1, 1.27536670759978104416, 5.01905042251180477414,
		6.16021097993053585195, 7.40974269950448939160, 2.97886665372100240670 };
	static const double s[] = { 1, 2.26052863220117276590, 9.39603524938001434673, 1.20489539808096656605e1,
		1.70814450747565897222e1, 9.60896809063285878198, 3.36907645100081516050 };
	Value num = POLYNOMIAL(b, x, p);
	Value den = POLYNOMIAL(b, x, q);
	Value middle = hlo_divide(b, num, den);
	num = POLYNOMIAL(b, x, r);
	den = POLYNOMIAL(b, x, s);
	Value far = hlo_divide(b, num, den);
	Value below = is(b, DIRECTION_LT, x, 8);
	return hlo_select(b, below, middle, far);
}

/* The same in f32: P(1/x^2) / x below 2, R(1/x^2) / x from there. */
static Value erfcx_far_f32(Builder *b, Value x)
{
	static const double p[] = { 2.326819970068386e-2, -1.387039388740657e-1, 3.687424674597105e-1,
		-5.824733027278666e-1,
		6.210004621745983e-1, -4.944515323274145e-1, 3.404879937665872e-1, -2.741127028184656e-1,
		5.638259427386472e-1 };
	static const double r[] = { -1.047766399936249e1, 1.297719955372516e1, -7.495518717768503,
		2.921019019210786,
		-1.015265279202700, 4.218463358204948e-1, -2.820767439740514e-1, 5.641895067754075e-1 };
	Value sq = hlo_multiply(b, x, x);
	Value u = over(b, 1, sq);
	Value middle = POLYNOMIAL(b, u, p);
	Value far = POLYNOMIAL(b, u, r);
	Value below = is(b, DIRECTION_LT, x, 2);
	Value y = hlo_select(b, below, middle, far);
	return hlo_divide(b, y, x);
}

/* exp(x^2) erfc(x) for x >= 1; x is f32 or f64. */
static Value erfcx_far(Builder *b, Value x)
{
	return is_f64(b, x) ? erfcx_far_f64(b, x) : erfcx_far_f32(b, x);
}

/* exp(-x^2); in two parts, so that the rounding of x^2 does not grow with it: x = h + l with h of few
 * enough bits that h^2 is exact */
static Value exp_minus_square(Builder *b, Value x)
{
	Value h = is_f64(b, x) ? hlo_reduce_precision(b, x, 11, 25) : hlo_reduce_precision(b, x, 8, 11);
	Value l = hlo_subtract(b, x, h);
	Value sum = hlo_add(b, x, h);
	l = hlo_multiply(b, l, sum);
	l = hlo_negate(b, l);
	h = hlo_multiply(b, h, h);
	h = hlo_negate(b, h);
	h = hlo_exponential(b, h);
	l = hlo_exponential(b, l);
	return hlo_multiply(b, h, l);
}

/* erfc(x) for |x| >= 1: exp(-x^2) erfcx(|x|), 2 minus that below 0. */
static Value erfc_far(Builder *b, Value x)
{
	Value size = hlo_abs(b, x);
	size = at_most(b, size, 30);                      /* erfc(30) = 0 in f64; keeps infinity out */
	Value e = exp_minus_square(b, size);
	Value y = erfcx_far(b, size);
	y = hlo_multiply(b, e, y);
	Value back = minus_from(b, 2, y);
	Value negative = is(b, DIRECTION_LT, x, 0);
	return hlo_select(b, negative, back, y);
}

static Value near_zero(Builder *b, Value x)
{
	x = hlo_abs(b, x);
	return is(b, DIRECTION_LT, x, 1);
}

/* f64: near 0 the rational fit, elsewhere 1 - erfc. */
static Value erf_f64(Builder *b, Value x)
{
	Value close = near_zero(b, x);
	Value inner = erf_near_f64(b, x);
	Value far = erfc_far(b, x);
	far = minus_from(b, 1, far);
	return hlo_select(b, close, inner, far);
}

Value math_erf(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "erf")) return 0;
	return is_f64(b, x) ? erf_f64(b, x) : erf_f32(b, x);
}

Value math_erfc(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "erfc")) return 0;
	Value close = near_zero(b, x);
	Value inner = is_f64(b, x) ? erf_near_f64(b, x) : erf_f32(b, x);
	inner = minus_from(b, 1, inner);
	Value far = erfc_far(b, x);
	return hlo_select(b, close, inner, far);
}

/* exp(x^2) erfc(x): below 1 by the product, whose factors are in range while x > -27. */
Value math_erfcx(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "erfcx")) return 0;
	Value erfc = math_erfc(b, x);
	Value e = exp_minus_square(b, at_least(b, x, -30));
	Value product = hlo_divide(b, erfc, e);
	Value from_one = at_least(b, x, 1);
	Value within = at_most(b, from_one, 1e8);         /* where it has become 1 / (x sqrt(pi)) */
	Value far = erfcx_far(b, within);
	far = hlo_multiply(b, far, hlo_divide(b, within, from_one));
	Value close = is(b, DIRECTION_LT, x, 1);
	return hlo_select(b, close, product, far);
}

/* -- inverse of erf -------------------------------------------------------------------------------------- */

/* Fits in w = -log(1 - x^2), f32: around w = 2.5 below 5, around sqrt(w) = 3 above. */
static Value erfinv_f32(Builder *b, Value w)
{
	static const double centre[] = { 2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
		0.00021858087,
		-0.00125372503, -0.00417768164, 0.246640727, 1.50140941 };
	static const double tail[] = { -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844,
		0.00573950773,
		-0.0076224613, 0.00943887047, 1.00167406, 2.83297682 };
	Value v = plus(b, w, -2.5);
	Value inner = POLYNOMIAL(b, v, centre);
	v = hlo_sqrt(b, w);
	v = plus(b, v, -3);
	Value outer = POLYNOMIAL(b, v, tail);
	Value close = is(b, DIRECTION_LT, w, 5);
	return hlo_select(b, close, inner, outer);
}

/* f64: around w = 3.125 below 6.25, around sqrt(w) = 3.25 below 16, around sqrt(w) = 5 above. */
static Value erfinv_f64(Builder *b, Value w)
{
	static const double centre[] = { -3.6444120640178196996e-21, -1.685059138182016589e-19,
		1.2858480715256400167e-18,
		1.115787767802518096e-17, -1.333171662854620906e-16, 2.0972767875968561637e-17,
		6.6376381343583238325e-15,
		-4.0545662729752068639e-14, -8.1519341976054721522e-14, 2.6335093153082322977e-12,
		-1.2975133253453532498e-11,
		-5.4154120542946279317e-11, 1.051212273321532285e-09, -4.1126339803469836976e-09,
		-2.9070369957882005086e-08,
		4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05,
		0.0001867342080340571352,
		-0.00074070253416626697512, -0.0060336708714301490533, 0.24015818242558961693,
		1.6536545626831027356 };
	static const double middle[] = { 2.2137376921775787049e-09, 9.0756561938885390979e-08,
		-2.7517406297064545428e-07,
		1.8239629214389227755e-08, 1.5027403968909827627e-06, -4.013867526981545969e-06,
		2.9234449089955446044e-06,
		1.2475304481671778723e-05, -4.7318229009055733981e-05, 6.8284851459573175448e-05,
		2.4031110387097893999e-05,
		-0.0003550375203628474796, 0.00095328937973738049703, -0.0016882755560235047313,
		0.0024914420961078508066,
		-0.0037512085075692412107, 0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635 };
	static const double tail[] = { -2.7109920616438573243e-11, -2.5556418169965252055e-10,
		1.5076572693500548083e-09,
		-3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
		2.9147953450901080826e-08,
		-6.7711997758452339498e-08, 2.2900482228026654717e-07, -9.9298272942317002539e-07,
		4.5260625972231537039e-06,
		-1.9681778105531670567e-05, 7.5995277030017761139e-05, -0.00021503011930044477347,
		-0.00013871931833623122026,
		1.0103004648645343977, 4.8499064014085844221 };
	Value v = plus(b, w, -3.125);
	Value y = POLYNOMIAL(b, v, centre);
	Value root = hlo_sqrt(b, w);
	v = plus(b, root, -3.25);
	Value y_middle = POLYNOMIAL(b, v, middle);
	v = plus(b, root, -5);
	Value y_tail = POLYNOMIAL(b, v, tail);
	Value far = is(b, DIRECTION_GE, w, 16);
	y_tail = hlo_select(b, far, y_tail, y_middle);
	Value close = is(b, DIRECTION_LT, w, 6.25);
	return hlo_select(b, close, y, y_tail);
}

/* x fit(w), w = -log(1 - x^2) = -log(1 + x) - log(1 - x); infinite at -1 and 1 */
Value math_erfinv(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "erfinv")) return 0;
	Value low = hlo_negate(b, x);
	low = hlo_log_plus_one(b, low);
	Value w = hlo_log_plus_one(b, x);
	w = hlo_add(b, w, low);
	w = hlo_negate(b, w);
	Value y = is_f64(b, w) ? erfinv_f64(b, w) : erfinv_f32(b, w);
	y = hlo_multiply(b, y, x);
	Value end = is(b, DIRECTION_EQ, hlo_abs(b, x), 1);
	Value infinite = scaled(b, x, INFINITY);
	return hlo_select(b, end, infinite, y);
}

/* -- the normal distribution ----------------------------------------------------------------------------- */

/* erfc(-x / sqrt(2)) / 2 */
Value math_ndtr(Builder *b, Value x)
{
	x = scaled(b, x, -1 / sqrt2);
	x = math_erfc(b, x);
	return scaled(b, x, 0.5);
}

/* log(erfcx(-x / sqrt(2)) / 2) - x^2 / 2 below -1, log1p(-erfc(x / sqrt(2)) / 2) above */
Value math_log_ndtr(Builder *b, Value x)
{
	Value t = scaled(b, x, 1 / sqrt2);
	Value low = hlo_negate(b, t);
	low = math_erfcx(b, low);
	low = scaled(b, low, 0.5);
	low = hlo_log(b, low);
	Value sq = hlo_multiply(b, t, t);
	low = hlo_subtract(b, low, sq);
	Value high = math_erfc(b, t);
	high = scaled(b, high, -0.5);
	high = hlo_log_plus_one(b, high);
	Value below = is(b, DIRECTION_LT, x, -1);
	return hlo_select(b, below, low, high);
}

static Value quotient(Builder *b, Value x, int np, const double *p, int nq, const double *q)
{
	Value num = polynomial(b, x, np, p);
	Value den = polynomial(b, x, nq, q);
	return hlo_divide(b, num, den);
}
#define QUOTIENT(b, x, p, q) quotient(b, x, sizeof(p) / sizeof *(p), p, sizeof(q) / sizeof *(q), q)

/* The inverse of ndtr at y + 1/2, |y| < 0.365: sqrt(2 pi) (y + y^3 fit(y^2)) (Cephes, ndtri.c) */
static Value ndtri_middle(Builder *b, Value y)
{
	static const double p[] = { -5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
		1.39312609387279679503e1, -1.23916583867381258016 };
	static const double q[] = { 1, 1.95448858338141759834, 4.67627912898881538453, 8.63602421390890590575e1,
		-2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
		1.59056225126211695515e1, -1.18331621121330003142 };
	Value sq = hlo_multiply(b, y, y);
	Value fit = hlo_multiply(b, sq, QUOTIENT(b, sq, p, q));
	y = hlo_add(b, y, hlo_multiply(b, y, fit));
	return scaled(b, y, 2.50662827463100050242);
}

/* Of a small y, at x = sqrt(-2 log(y)): x - log(x) / x - fit(1 / x) / x, one fit below 8, another above */
static Value ndtri_tail(Builder *b, Value y)
{
	static const double p1[] = { 4.05544892305962419923, 3.15251094599893866154e1, 5.71628192246421288162e1,
		4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539,
		-1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4 };
	static const double q1[] = { 1, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
		1.50425385692907503408e1, 2.50464946208309415979, -1.42182922854787788574e-1,
		-3.80806407691578277194e-2, -9.33259480895457427372e-4 };
	static const double p2[] = { 3.23774891776946035970, 6.91522889068984211695, 3.93881025292474443415,
		1.33303460815807542389, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
		3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9 };
	static const double q2[] = { 1, 6.02427039364742014255, 3.67983563856160859403, 1.37702099489081330271,
		2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
		2.89247864745380683936e-6, 6.79019408009981274425e-9 };
	Value x = hlo_sqrt(b, scaled(b, hlo_log(b, y), -2));
	Value z = over(b, 1, x);
	Value near = is(b, DIRECTION_LT, x, 8);
	Value close = QUOTIENT(b, z, p1, q1), far = QUOTIENT(b, z, p2, q2);
	Value fit = hlo_multiply(b, z, hlo_select(b, near, close, far));
	Value first = hlo_subtract(b, x, hlo_divide(b, hlo_log(b, x), x));
	return hlo_subtract(b, first, fit);
}

/* Where ndtr is y: the tail fit within exp(-2) of 0 and 1, infinite at 0 and 1, NaN outside */
Value math_ndtri(Builder *b, Value y)
{
	static const double tail = 0.13533528323661269189;   /* exp(-2) */
	if (!f32_or_f64(b, y, "ndtri")) return 0;
	Value upper = is(b, DIRECTION_GT, y, 1 - tail);
	Value low = hlo_select(b, upper, minus_from(b, 1, y), y);
	Value middle = is(b, DIRECTION_GT, low, tail);
	Value end = ndtri_tail(b, low);
	end = hlo_select(b, upper, end, hlo_negate(b, end));
	Value x = hlo_select(b, middle, ndtri_middle(b, plus(b, low, -0.5)), end);
	x = if_num(b, is(b, DIRECTION_EQ, y, 0), -INFINITY, x);
	return if_num(b, is(b, DIRECTION_EQ, y, 1), INFINITY, x);
}

/* -x log(x), 0 at 0, -inf below */
Value math_entr(Builder *b, Value x)
{
	Value y = hlo_log(b, x);
	y = hlo_multiply(b, x, y);
	y = hlo_negate(b, y);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	y = if_num(b, zero, 0, y);
	Value below = is(b, DIRECTION_LT, x, 0);
	return if_num(b, below, -INFINITY, y);
}

/* -- gamma ----------------------------------------------------------------------------------------------- */

/* |sin(pi x)| by the distance to the nearest whole number, in which it is even and exact. */
static Value abs_sin_pi(Builder *b, Value x)
{
	Value nearest = hlo_round_nearest_even(b, x);
	x = hlo_subtract(b, x, nearest);
	x = hlo_abs(b, x);
	x = scaled(b, x, pi);
	return hlo_sine(b, x);
}

/* log(gamma(z + 1)), z >= -1/2: log(2 pi) / 2 + (z + 1/2) log(t) - t + log(a), t = z + g + 1/2, a = c0 +
 * sum ck / (z + k); the middle is taken as (z + 1/2 - t / log(t)) log(t), which does not overflow before
 * the whole does. */
static Value lgamma_of_next(Builder *b, Value z)
{
	static const double c[] = { 676.520368121885098567009190444019, -1259.13921672240287047156078755283,
		771.3234287776530788486528258894, -176.61502916214059906584551354, 12.507343278686904814458936853,
		-0.13857109526572011689554707, 9.984369578019570859563e-6, 1.50563273514931155834e-7 };
	static const double c0 = 0.99999999999980993227684700473478, g_half = 7.5,
		log_g_half = 2.01490302054226464;
	Value a = full_like(b, z, c0);
	for (int k = 0; k < (int)(sizeof c / sizeof *c); k++) {
		Value term = plus(b, z, k + 1);
		term = over(b, c[k], term);
		a = hlo_add(b, a, term);
	}
	Value t = plus(b, z, g_half);
	Value log_t = divided_by(b, z, g_half);
	log_t = hlo_log_plus_one(b, log_t);
	log_t = plus(b, log_t, log_g_half);
	Value q = hlo_divide(b, t, log_t);
	Value y = plus(b, z, 0.5);
	y = hlo_subtract(b, y, q);
	y = hlo_multiply(b, y, log_t);
	y = plus(b, y, 0.91893853320467274178);            /* log(2 pi) / 2 */
	a = hlo_log(b, a);
	return hlo_add(b, y, a);
}

/* log |gamma(x)|; below 1/2 by reflection: log(pi / |sin(pi x)|) - log gamma(1 - x) */
Value math_lgamma(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "lgamma")) return 0;
	Value reflected = is(b, DIRECTION_LT, x, 0.5);
	Value back = hlo_negate(b, x);
	Value z = plus(b, x, -1);
	z = hlo_select(b, reflected, back, z);
	Value y = lgamma_of_next(b, z);
	Value s = hlo_log(b, abs_sin_pi(b, x));
	Value mirror = minus_from(b, log(pi), s);
	Value diff = hlo_subtract(b, mirror, y);
	Value pole = math_isinf(b, s);
	mirror = hlo_select(b, pole, mirror, diff);
	y = hlo_select(b, reflected, mirror, y);
	return if_num(b, math_isinf(b, x), INFINITY, y);
}

/* psi(x) for x > 0: psi(x + 10) - sum over k < 10 of 1 / (x + k), and at z = x + 10 the asymptotic series
 * log(z) - 1 / (2 z) - sum B2k / (2k z^2k). */
static Value digamma_positive(Builder *b, Value x)
{
	static const double c[] = { 1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120,
		1.0 / 12, 0 };
	Value sum = over(b, 1, x);
	for (int k = 1; k < 10; k++) {
		Value term = plus(b, x, k);
		term = over(b, 1, term);
		sum = hlo_add(b, sum, term);
	}
	Value z = plus(b, x, 10);
	Value inv = over(b, 1, z);
	Value u = hlo_multiply(b, inv, inv);
	Value series = POLYNOMIAL(b, u, c);
	Value y = hlo_log(b, z);
	inv = scaled(b, inv, 0.5);
	y = hlo_subtract(b, y, inv);
	y = hlo_subtract(b, y, series);
	return hlo_subtract(b, y, sum);
}

/* Below 0 by reflection: psi(1 - x) - pi / tan(pi x); NaN at whole numbers there, at 0 infinite with the
 * other sign. */
Value math_digamma(Builder *b, Value x)
{
	if (!f32_or_f64(b, x, "digamma")) return 0;
	Value reflected = is(b, DIRECTION_LT, x, 0);
	Value mirrored = minus_from(b, 1, x);
	Value z = hlo_select(b, reflected, mirrored, x);
	Value y = digamma_positive(b, z);
	Value nearest = hlo_round_nearest_even(b, x);
	Value off = hlo_subtract(b, x, nearest);
	Value cot = scaled(b, off, pi);
	cot = hlo_tan(b, cot);
	cot = over(b, pi, cot);
	Value mirror = hlo_subtract(b, y, cot);
	Value whole = is(b, DIRECTION_EQ, off, 0);
	mirror = if_num(b, whole, NAN, mirror);
	y = hlo_select(b, reflected, mirror, y);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	Value infinite = math_copysign(b, full_like(b, x, INFINITY), x);
	infinite = hlo_negate(b, infinite);
	return hlo_select(b, zero, infinite, y);
}
