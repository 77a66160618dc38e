#include "pt2/internal.h"

#include <string.h>

static int intern(Model *m, const char *expr)
{
	Program *p = m->p;
	int at = map_get(&m->sym, expr, strlen(expr));
	if (at >= 0) return at;
	at = p->sym.n;
	*push(m->a, &p->sym) = (Sym){ .expr = expr };
	map_set(&m->sym, expr, strlen(expr), at);
	return at;
}

/* schema.SymExprHint; the first one that is given counts. */
static void take_hint(Sym *s, JVal hint)
{
	JVal i = json_key(hint, "as_int");
	if (s->has_hint || json_kind(i) != JSON_number) return;
	s->has_hint = true;
	s->hint = json_int(i, 0);
}

/* schema.SymExpr. The same few expressions stand in thousands of sizes: each text is read once. */
static bool read_expr(Model *m, JVal v, Dim *out)
{
	JVal str = json_key(v, "expr_str");
	size_t n = 0;
	const char *text = json_text(str, &n);
	int at = text ? map_get(&m->expr, text, n) : -1;
	if (at < 0) {
		const char *srepr = json_str(m->a, str);
		if (!srepr) return fail(m->err, BAD_INPUT, "a symbolic size without expr_str");
		const char *expr = sym_infix(m->a, srepr);
		if (!expr) return fail(m->err, UNSUPPORTED, "cannot read the symbolic expression '%s'", srepr);
		at = intern(m, expr);
		map_set(&m->expr, text, n, at);
	}
	take_hint(&m->p->sym.v[at], json_key(v, "hint"));
	*out = ~(Dim)at;
	return true;
}

bool read_dim(Model *m, JVal v, Dim *out)
{
	JVal i = json_key(v, "as_int");
	if (!json_kind(i)) return read_expr(m, json_key(v, "as_expr"), out);
	*out = json_int(i, -1);
	if (*out < 0) return fail(m->err, BAD_INPUT, "a size, stride or offset that is no integer of at least 0");
	return true;
}

bool read_sym(Model *m, JVal v, Dim *out)
{
	JVal value = json_first(v);
	if (json_kind(value) == JSON_object) return read_expr(m, value, out);
	size_t n = 0;
	const char *text = json_text(value, &n);
	if (!text) return fail(m->err, BAD_INPUT, "a symbolic value that is neither a number nor an expression");
	*out = ~(Dim)intern(m, arena_str(m->a, text, n));
	return true;
}

static bool read_dims(Model *m, JVal v, int rank, const Dim **out)
{
	Dim *d = NEW(m->a, Dim, rank);
	int i = 0;
	JEACH(x, v) if (!read_dim(m, x, &d[i++])) return false;
	*out = d;
	return true;
}

bool read_tensor_meta(Model *m, JVal v, TensorMeta *out)
{
	JVal sizes = json_key(v, "sizes"), strides = json_key(v, "strides");
	int64_t dtype = json_int(json_key(v, "dtype"), -1), layout = json_int(json_key(v, "layout"), -1);
	enum { STRIDED = 7 };       /* schema.Layout */
	*out = (TensorMeta){ .rank = json_len(sizes) };
	out->dtype = dtype > 0 && dtype < 256 ? dtype_from_serde((int)dtype) : DTYPE_none;
	if (!out->dtype)
		return fail(m->err, UNSUPPORTED, "dtype %lld is not in the export schema that is known here", (long long)dtype);
	if (layout != STRIDED)
		return fail(m->err, UNSUPPORTED, "layout %lld, only strided tensors (%d) are read", (long long)layout, STRIDED);
	if (json_kind(sizes) != JSON_array || json_kind(strides) != JSON_array || json_len(strides) != out->rank)
		return fail(m->err, BAD_INPUT, "%d sizes and %d strides", json_len(sizes), json_len(strides));
	if (out->rank > MAX_RANK)
		return fail(m->err, UNSUPPORTED, "rank %d, at most %d is read", out->rank, MAX_RANK);
	return read_dims(m, sizes, out->rank, &out->dim) && read_dims(m, strides, out->rank, &out->stride) &&
		read_dim(m, json_key(v, "storage_offset"), &out->offset);
}
