/* Runs StableHLO text that checks itself, as openxla/stablehlo's own tests do: of each FILE of standard input "FILE ok", or what went wrong. A
 * file's "main", or its first function without arguments, is evaluated; its custom calls are
 *
 *	check.expect_eq(x, y)            every element the same, bit by bit (of floats: equal, or both NaN)
 *	check.eq(x, y) -> i1             whether that is so, of each element or of all
 *	check.expect_almost_eq(x, y)     |x - y| <= 1e-4, NaN agrees with NaN
 *	check.expect_close(x, y)         at most 3 floats of the type apart */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "reference/reference.h"

/* -- how near -------------------------------------------------------------------------------------------- */

typedef bool Agrees(DType t, const uint8_t *x, const uint8_t *y);

static double apart(DType t, const uint8_t *x, const uint8_t *y, int part) { return dtype_load(t, x, part) - dtype_load(t, y, part); }

static bool both_nan(DType t, const uint8_t *x, const uint8_t *y, int part)
{
	return isnan(dtype_load(t, x, part)) && isnan(dtype_load(t, y, part));
}

static bool is_real_number(DType t) { return is_float(t) || is_complex(t); }

static bool equal(DType t, const uint8_t *x, const uint8_t *y)
{
	if (!is_real_number(t)) return !memcmp(x, y, dtype_nbytes(t));
	for (int part = 0; part < 1 + is_complex(t); part++)
		if (dtype_load(t, x, part) != dtype_load(t, y, part) && !both_nan(t, x, y, part)) return false;
	return true;
}

static bool almost(DType t, const uint8_t *x, const uint8_t *y)
{
	if (!is_real_number(t)) return equal(t, x, y);
	for (int part = 0; part < 1 + is_complex(t); part++)
		if (!(fabs(apart(t, x, y, part)) <= 1e-4) && dtype_load(t, x, part) != dtype_load(t, y, part) && !both_nan(t, x, y, part)) return false;
	return true;
}

/* The float's place among all floats of its type. */
static int64_t rank_of_float(const uint8_t *x, size_t n)
{
	uint64_t u = 0, sign = 1ull << (8 * n - 1);
	for (size_t i = n; i-- > 0;) u = u << 8 | x[i];
	return u & sign ? -(int64_t)(u & (sign - 1)) : (int64_t)u;
}

static bool is_close(DType t, const uint8_t *x, const uint8_t *y)
{
	size_t n = dtype_nbytes(real_of(t));
	if (!is_real_number(t)) return equal(t, x, y);
	for (int part = 0; part < 1 + is_complex(t); part++, x += n, y += n) {
		double a = dtype_load(real_of(t), x, 0), b = dtype_load(real_of(t), y, 0);
		int64_t i = rank_of_float(x, n), k = rank_of_float(y, n);
		if (a == b || (isnan(a) && isnan(b))) continue;
		uint64_t d = i > k ? (uint64_t)i - (uint64_t)k : (uint64_t)k - (uint64_t)i;
		if (!isfinite(a) || !isfinite(b) || d > 3) return false;
	}
	return true;
}

/* -- checks ---------------------------------------------------------------------------------------------- */

static DType elem_of_dense(const Dense *d) { return d->type.quant ? d->type.quant->storage : d->type.elem; }

static bool differ(Err *e, const char *target, const Dense *x, const Dense *y, int64_t i)
{
	DType t = elem_of_dense(x);
	const uint8_t *a = (const uint8_t *)x->data + (size_t)i * dtype_nbytes(t), *b = (const uint8_t *)y->data + (size_t)i * dtype_nbytes(t);
	return fail(e, BAD_INPUT, "%s: element %" PRId64 " of %s is %.17g, %.17g, wanted %.17g, %.17g", target, i, dtype_name(t), dtype_load(t, a, 0),
		is_complex(t) ? dtype_load(t, a, 1) : 0, dtype_load(t, b, 0), is_complex(t) ? dtype_load(t, b, 1) : 0);
}

static bool check(void *self, const char *target, int nin, const Dense *in, int nout, const Dense *out, bool *known, Err *e)
{
	Agrees *agrees = !strcmp(target, "check.expect_almost_eq") ? almost : !strcmp(target, "check.expect_close") ? is_close : equal;
	(void)self;
	*known = nin == 2 && (agrees != equal || !strcmp(target, "check.expect_eq") || !strcmp(target, "check.eq"));
	if (!*known) return false;
	DType t = elem_of_dense(&in[0]);
	size_t each = dtype_nbytes(t);
	if (elem_of_dense(&in[1]) != t || in[0].nbytes != in[1].nbytes) return fail(e, BAD_INPUT, "%s: the types differ", target);
	bool all = true, many = nout && out[0].nbytes == in[0].nbytes / each;
	for (int64_t i = 0; i < (int64_t)(in[0].nbytes / each); i++) {
		bool same = agrees(t, (const uint8_t *)in[0].data + (size_t)i * each, (const uint8_t *)in[1].data + (size_t)i * each);
		all = all && same;
		if (!same && !nout) return differ(e, target, &in[0], &in[1], i);
		if (many) ((uint8_t *)(uintptr_t)out[0].data)[i] = same;
	}
	if (nout && !many && out[0].nbytes) *(uint8_t *)(uintptr_t)out[0].data = all;
	return true;
}

/* -- files ----------------------------------------------------------------------------------------------- */

static const Func *entry(const Module *m)
{
	const Func *f = main_function(m);
	for (int i = 0; i < m->func.n && !f; i++)
		if (!m->func.v[i]->narg) f = m->func.v[i];
	return f;
}

static void run(Module *m, const FileMap *f)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = &full;
	if (!parse_module(m, "", (const char *)f->p, f->n) || !verify(m)) return;
	const Func *main = entry(m);
	EvalOptions opt = { .custom_call = check };
	if (!main || main->narg) fail(m->err, BAD_INPUT, "no function without arguments");
	else evaluate(m, main, NULL, NEW(&m->arena, Dense, main->nres + 1), &m->arena, &opt, m->err);
}

int main(void)
{
	char path[4096];
	while (fgets(path, sizeof path, stdin)) {
		Err err = { 0 };
		FileMap f = { 0 };
		path[strcspn(path, "\n")] = 0;
		Module m = { .err = &err };
		if (map_file(&f, path, &err)) run(&m, &f);
		printf("%s %s\n", path, err.code ? err_msg(&err) : "ok");
		fflush(stdout);
		module_free(&m);
		err_clear(&err);
		unmap_file(&f);
	}
	return 0;
}
