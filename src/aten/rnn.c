/* Recurrent layers and their cells.
 *
 * The input's part of the gates is one product for all steps; a loop over time adds the state's. Sequences are time first
 * inside: x [T, N, I], state [N, H]. Gates of f16 and bf16 are joined in f32. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/layers.h"
#include "aten/random.h"
#include "aten/rules.h"

typedef enum CellKind { CELL_TANH, CELL_RELU, CELL_GRU, CELL_LSTM } CellKind;

/* Of one layer and direction: w_ih [G H, I], w_hh [G H, R], biases [G H] or 0, w_hr [R, H] or 0 (a projection: R is not H). */
typedef struct CellWeights { Value w_ih, w_hh, b_ih, b_hh, w_hr; } CellWeights;

typedef struct State { Value h, c; } State;              /* c: LSTM only */

/* v [T, N, *]; live: bool [T, N], false past a sequence's end, or 0: all have T steps */
typedef struct Sequences { Value v, live; } Sequences;

/* -- cells ----------------------------------------------------------------------------------------------- */

/* Gate i of x [N, G H]: [N, H] */
static Value gate(Builder *b, Value x, int i, int count)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	DimTable *sizes = dims_of(b->m);
	int64_t size = dim_floordiv(sizes, t.dim[t.rank - 1], count), start = dim_times(sizes, size, i);
	x = slice_dim(b, x, t.rank - 1, start, dim_plus(sizes, start, size), 1);
	return cast(b, x, acc_type(t.elem));
}

/* s(x) * y, s the logistic function */
static Value gated(Builder *b, Value x, Value y)
{
	x = hlo_logistic(b, x);
	return hlo_multiply(b, x, y);
}

/* i, f, g, o = gates of x + h;  c' = s(f) c + s(i) tanh(g);  h' = s(o) tanh(c') */
static State lstm_step(Builder *b, Value x, Value h, State s, Value w_hr)
{
	Type t = known_type(b, s.c);
	Value part[4];
	for (int i = 0; i < 4; i++) {
		Value y = gate(b, h, i, 4);
		part[i] = gate(b, x, i, 4);
		part[i] = hlo_add(b, part[i], y);
	}
	Value c = cast(b, s.c, acc_type(t.elem));
	c = gated(b, part[1], c);
	Value g = hlo_tanh(b, part[2]);
	g = gated(b, part[0], g);
	c = hlo_add(b, c, g);
	Value out = hlo_tanh(b, c);
	out = gated(b, part[3], out);
	out = cast(b, out, t.elem);
	if (w_hr) out = linear(b, out, w_hr, 0);
	return (State){ out, cast(b, c, t.elem) };
}

/* r, z, n = gates;  n = tanh(x_n + s(r) h_n);  h' = n + s(z) (h - n) */
static State gru_step(Builder *b, Value x, Value h, State s)
{
	Type t = known_type(b, s.h);
	Value xs[3], hs[3];
	for (int i = 0; i < 3; i++) {
		xs[i] = gate(b, x, i, 3);
		hs[i] = gate(b, h, i, 3);
	}
	Value r = hlo_add(b, xs[0], hs[0]);
	Value z = hlo_add(b, xs[1], hs[1]);
	Value n = gated(b, r, hs[2]);
	n = hlo_add(b, xs[2], n);
	n = hlo_tanh(b, n);
	Value old = cast(b, s.h, acc_type(t.elem));
	old = hlo_subtract(b, old, n);
	old = gated(b, z, old);
	n = hlo_add(b, n, old);
	return (State){ cast(b, n, t.elem), 0 };
}

/* h' = act(x + h) */
static State plain_step(Builder *b, Value x, Value h, CellKind kind)
{
	x = hlo_add(b, x, h);
	return (State){ kind == CELL_TANH ? hlo_tanh(b, x) : clamp_min(b, x, 0), 0 };
}

/* One step; x is the input's part of the gates [N, G H]. */
static State cell_step(Builder *b, CellKind kind, Value x, State s, CellWeights w)
{
	Value h = linear(b, s.h, w.w_hh, w.b_hh);
	if (kind == CELL_LSTM) return lstm_step(b, x, h, s, w.w_hr);
	if (kind == CELL_GRU) return gru_step(b, x, h, s);
	return plain_step(b, x, h, kind);
}

/* -- loops ----------------------------------------------------------------------------------------------- */

/* What goes round: the step, h, c (LSTM), and the outputs so far. */
enum { LOOP_STEP, LOOP_H, LOOP_OUT, LOOP_C, LOOP_MAX };

static Region *steps_left(Builder *b, int n, const Type *t, int64_t steps)
{
	Value a[LOOP_MAX];
	Region *r = region_begin(b, n, t, a);
	Value end = size_value(b, steps, scalar_type(DTYPE_i32));
	Value more = hlo_compare(b, DIRECTION_LT, a[LOOP_STEP], end);
	region_end(b, r, 1, &more);
	return r;
}

/* x [T, *] at `time`, which is a scalar: [*] */
static Value at_time(Builder *b, Value x, Value time)
{
	Type t = type_of(b, x);
	Value zero = scalar_int(b, 0, DTYPE_i32), start[3] = { time, zero, zero };
	x = hlo_dynamic_slice(b, x, start, shape_with(b, t, 0, 1).dim);
	return squeeze_dim(b, x, 0);
}

/* What a sequence that has ended keeps. live [T, N]; 0: none has */
static Value kept_after_end(Builder *b, Value live, Value time, Value now, Value before)
{
	if (!live || !now) return now;
	live = at_time(b, live, time);
	live = along(b, live, 0, type_of(b, now));
	return hlo_select(b, live, now, before);
}

static Region *one_step(Builder *b, int n, const Type *t, CellKind kind, Sequences x, CellWeights w, bool backward)
{
	Value a[LOOP_MAX] = { 0 }, out[LOOP_MAX], zero = scalar_int(b, 0, DTYPE_i32);
	Region *r = region_begin(b, n, t, a);
	Value time = a[LOOP_STEP];
	if (backward) {
		int64_t last = dim_minus(dims_of(b->m), type_of(b, x.v).dim[0], 1);
		time = hlo_subtract(b, size_value(b, last, scalar_type(DTYPE_i32)), time);
	}
	State s = cell_step(b, kind, at_time(b, x.v, time), (State){ a[LOOP_H], n > LOOP_C ? a[LOOP_C] : 0 }, w);
	s.h = kept_after_end(b, x.live, time, s.h, a[LOOP_H]);
	s.c = kept_after_end(b, x.live, time, s.c, a[LOOP_C]);
	out[LOOP_STEP] = hlo_add(b, a[LOOP_STEP], scalar_int(b, 1, DTYPE_i32));
	out[LOOP_H] = s.h;
	Value row = s.h ? unsqueeze_dim(b, s.h, 0) : 0;
	out[LOOP_OUT] = hlo_dynamic_update_slice(b, a[LOOP_OUT], row, (Value[]){ time, zero, zero });
	out[LOOP_C] = s.c;
	region_end(b, r, n, out);
	return r;
}

/* One layer in one direction over x [T, N, I]: outputs [T, N, R]; *s goes from the first state to the last. */
static Value run_direction(Builder *b, CellKind kind, Sequences x, State *s, CellWeights w, bool backward)
{
	x.v = linear(b, x.v, w.w_ih, w.b_ih);                      /* [T, N, G H] */
	if (!x.v || !s->h) return 0;
	Type xt = type_of(b, x.v), ht = type_of(b, s->h);
	int n = kind == CELL_LSTM ? LOOP_MAX : LOOP_C;
	Type all = tensor_type(b->a, ht.elem, 3, (int64_t[]){ xt.dim[0], ht.dim[0], ht.dim[1] });
	Value start = scalar_int(b, 0, DTYPE_i32);
	Value init[LOOP_MAX] = { start, s->h, full(b, all, 0), s->c }, out[LOOP_MAX] = { 0 };
	Type t[LOOP_MAX] = { scalar_type(DTYPE_i32), ht, all, known_type(b, s->c) };
	Region *cond = steps_left(b, n, t, xt.dim[0]);
	Region *body = one_step(b, n, t, kind, x, w, backward);
	hlo_while(b, n, init, cond, body, out);
	*s = (State){ out[LOOP_H], out[LOOP_C] };
	return out[LOOP_OUT];
}

/* -- layers ---------------------------------------------------------------------------------------------- */

/* A layer's arguments, as aten.lstm.input and its kin have them. */
typedef struct Rnn {
	CellKind kind;
	int layers, directions, nweight;
	bool biases;
	double dropout;              /* of what goes from one layer to the next */
	Values weight;
	Value h, c;
} Rnn;

/* The weights of layer and direction k: w_ih, w_hh, then the biases, then the projection. */
static CellWeights weights_at(const Rnn *r, int k)
{
	const Value *v = r->weight.v + k * r->nweight;
	CellWeights w = { v[0], v[1], 0, 0, 0 };
	if (r->biases) w.b_ih = v[2], w.b_hh = v[3];
	if (r->nweight % 2) w.w_hr = v[r->nweight - 1];
	return w;
}

/* Row k of the first states [layers * directions, N, H]. */
static Value state_at(Builder *b, Value x, int k)
{
	if (!x) return 0;
	x = slice_dim(b, x, 0, k, k + 1, 1);
	return squeeze_dim(b, x, 0);
}

static Value stacked(Builder *b, int n, Value *v)
{
	for (int i = 0; i < n; i++) v[i] = v[i] ? unsqueeze_dim(b, v[i], 0) : 0;
	return hlo_concatenate(b, n, v, 0);
}

/* x [T, N, I] through every layer; r->h and r->c become the last states. */
static Value run_layers(Node *n, Rnn *r, Sequences x)
{
	Builder *b = n->b;
	int count = r->layers * r->directions;
	Value *h = NEW(b->a, Value, count + 1), *c = NEW(b->a, Value, count + 1);
	for (int layer = 0; layer < r->layers; layer++) {
		Value out[2] = { 0, 0 };
		for (int d = 0; d < r->directions; d++) {
			int k = layer * r->directions + d;
			State s = { .h = state_at(b, r->h, k) };
			s.c = state_at(b, r->c, k);
			out[d] = run_direction(b, r->kind, x, &s, weights_at(r, k), d == 1);
			h[k] = s.h;
			c[k] = s.c;
		}
		x.v = hlo_concatenate(b, r->directions, out, 2);
		if (r->dropout > 0 && layer + 1 < r->layers) x.v = random_dropout(n, x.v, r->dropout);
	}
	r->h = stacked(b, count, h);
	r->c = r->c ? stacked(b, count, c) : 0;
	return x.v;
}

static bool rnn_of(Node *n, CellKind kind, Rnn *r)
{
	int64_t layers = arg_int(n, "num_layers", 1);
	r->kind = kind;
	r->directions = arg_bool(n, "bidirectional", false) ? 2 : 1;
	r->biases = arg_bool(n, "has_biases", true);
	r->weight = arg_list(n, "params");
	for (int i = 0; i < r->weight.n; i++)
		if (!r->weight.v[i]) return node_fail(n, BAD_INPUT, "weight %d is None", i), false;
	if (n->b->m->err->code) return false;
	if (layers < 1 || layers > r->weight.n)
		return node_fail(n, BAD_INPUT, "%lld layers with %d weights", (long long)layers, r->weight.n), false;
	r->layers = (int)layers;
	if (arg_bool(n, "train", false)) r->dropout = arg_num(n, "dropout", 0);
	int count = r->layers * r->directions, least = r->biases ? 4 : 2;
	r->nweight = r->weight.n / count;
	if (r->nweight == least && r->weight.n == count * least) return true;
	if (kind == CELL_LSTM && r->nweight == least + 1 && r->weight.n == count * r->nweight) return true;
	return node_fail(n, BAD_INPUT, "%d weights for %d layers and directions", r->weight.n, count), false;
}

/* input [T, N, I], or [N, T, I] when batch_first; output likewise */
static Value rnn(Node *n, Rnn *r)
{
	Builder *b = n->b;
	bool batch_first = arg_bool(n, "batch_first", false);
	Value x = arg(n, "input");
	if (!x || !r->h || (r->kind == CELL_LSTM && !r->c)) return 0;
	if (rank_of(b, x) != 3 || rank_of(b, r->h) != 3)
		return node_fail(n, BAD_INPUT, "input %s, wanted 3 dims, as of hx", type_str(n->a, type_of(b, x)));
	if (batch_first) x = transpose_dims(b, x, 0, 1);
	x = run_layers(n, r, (Sequences){ x, 0 });
	if (batch_first && x) x = transpose_dims(b, x, 0, 1);
	set_out(n, 1, r->h);
	if (r->c) set_out(n, 2, r->c);
	return x;
}

/* -- packed sequences ------------------------------------------------------------------------------------ */

/* As torch.nn.utils.rnn.PackedSequence has them: data [S, I] holds the first step of every sequence, then the second of those that
 * have one, and so on; batch_sizes [T] says how many there are, longest sequence first. */
typedef struct Packing { Value sizes, starts; int64_t steps, count; } Packing;      /* i64 [T]; T, N */

static Packing packing(Node *n, int64_t count)
{
	Builder *b = n->b;
	Packing p = { .sizes = arg_as(n, "batch_sizes", DTYPE_i64), .count = count };
	Type t = known_type(b, p.sizes);
	if (t.kind && t.rank != 1) node_fail(n, BAD_INPUT, "batch_sizes is %s, wanted 1 dim", type_str(n->a, t));
	if (n->b->m->err->code || !t.kind) return (Packing){ 0 };
	p.steps = t.dim[0];
	Value ends = running_count(b, p.sizes);
	p.starts = hlo_subtract(b, ends, p.sizes);
	return p;
}

/* [S, I] -> [T, N, I]: row starts[t] + i for sequence i at step t, live where i < sizes[t] */
static Sequences unpacked(Builder *b, Packing p, Value data)
{
	Type t = tensor_type(b->a, DTYPE_i64, 2, (int64_t[]){ p.steps, p.count });
	Value i = positions(b, t, 1, DTYPE_i64);
	Value row = along(b, p.starts, 0, t);
	row = hlo_add(b, row, i);
	Value live = hlo_compare(b, DIRECTION_LT, i, along(b, p.sizes, 0, t));
	return (Sequences){ take_at(b, data, 0, row), live };
}

/* [T, N, R] -> [S, R]: row s is step t = how many of starts[1..] are <= s, of sequence s - starts[t] */
static Value packed(Builder *b, Packing p, Value x, Type to)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Type grid = tensor_type(b->a, DTYPE_i64, 2, (int64_t[]){ to.dim[0], p.steps });
	Value s = positions(b, grid, 0, DTYPE_i64);
	Value begun = hlo_compare(b, DIRECTION_LE, along(b, p.starts, 1, grid), s);
	Value step = sum_over(b, hlo_convert(b, begun, DTYPE_i64), one_dim(b, 1));
	step = plus(b, step, -1);
	s = positions(b, tensor_type(b->a, DTYPE_i64, 1, to.dim), 0, DTYPE_i64);
	Value which = hlo_subtract(b, s, take_at(b, p.starts, 0, step));
	step = hlo_multiply(b, step, size_value(b, p.count, type_of(b, step)));
	which = hlo_add(b, step, which);
	x = reshape_to(b, x, tensor_type(b->a, t.elem, 2, (int64_t[]){ dim_times(dims_of(b->m), p.steps, p.count), t.dim[2] }));
	return take_at(b, x, 0, which);
}

static Value packed_rnn(Node *n, Rnn *r)
{
	Builder *b = n->b;
	Value data = arg(n, "data");
	if (!data || !r->h || (r->kind == CELL_LSTM && !r->c)) return 0;
	if (rank_of(b, data) != 2 || rank_of(b, r->h) != 3 || n->out.rank != 2)
		return node_fail(n, BAD_INPUT, "data %s, wanted 2 dims, and 3 of hx", type_str(n->a, type_of(b, data)));
	Packing p = packing(n, type_of(b, r->h).dim[1]);
	if (!p.starts) return 0;
	Value x = run_layers(n, r, unpacked(b, p, data));
	set_out(n, 1, r->h);
	if (r->c) set_out(n, 2, r->c);
	return packed(b, p, x, n->out);
}

/* input, or data and batch_sizes */
static Value rnn_of_either(Node *n, Rnn *r) { return has_arg(n, "batch_sizes") ? packed_rnn(n, r) : rnn(n, r); }

/* -- rules ----------------------------------------------------------------------------------------------- */

/* aten.lstm.input(input, hx (h, c), params, has_biases, num_layers, dropout, train, bidirectional, batch_first) -> (out, h, c);
 * lstm.data(data, batch_sizes, hx, ..) */
Value lower_lstm(Node *n)
{
	Rnn r = { 0 };
	if (!rnn_of(n, CELL_LSTM, &r)) return 0;
	Values hx = arg_list(n, "hx");
	if (hx.n != 2) return node_fail(n, BAD_INPUT, "hx has %d tensors, wanted 2", hx.n);
	r.h = hx.v[0];
	r.c = hx.v[1];
	return rnn_of_either(n, &r);
}

static Value rnn_of_h(Node *n, CellKind kind)
{
	Rnn r = { 0 };
	if (!rnn_of(n, kind, &r)) return 0;
	r.h = arg(n, "hx");
	return rnn_of_either(n, &r);
}

/* aten.gru.input, rnn_tanh.input, rnn_relu.input(input, hx, params, ..), .data(data, batch_sizes, hx, params, ..) -> (out, h) */
Value lower_gru(Node *n) { return rnn_of_h(n, CELL_GRU); }
Value lower_rnn_tanh(Node *n) { return rnn_of_h(n, CELL_TANH); }
Value lower_rnn_relu(Node *n) { return rnn_of_h(n, CELL_RELU); }

/* -- single cells ---------------------------------------------------------------------------------------- */

static State cell(Node *n, CellKind kind, State s)
{
	CellWeights w = { arg(n, "w_ih"), 0, 0, 0, 0 };
	w.w_hh = arg(n, "w_hh");
	w.b_ih = arg_opt(n, "b_ih");
	w.b_hh = arg_opt(n, "b_hh");
	Value x = arg(n, "input");
	x = linear(n->b, x, w.w_ih, w.b_ih);
	return cell_step(n->b, kind, x, s, w);
}

/* aten.lstm_cell(input, hx (h, c), w_ih, w_hh, b_ih?, b_hh?) -> (h, c) */
Value lower_lstm_cell(Node *n)
{
	Values hx = arg_list(n, "hx");
	if (hx.n != 2) return node_fail(n, BAD_INPUT, "hx has %d tensors, wanted 2", hx.n);
	State s = cell(n, CELL_LSTM, (State){ hx.v[0], hx.v[1] });
	set_out(n, 1, s.c);
	return s.h;
}

/* aten.gru_cell, rnn_tanh_cell, rnn_relu_cell(input, hx, w_ih, w_hh, b_ih?, b_hh?) */
Value lower_gru_cell(Node *n) { return cell(n, CELL_GRU, (State){ arg(n, "hx"), 0 }).h; }
Value lower_rnn_tanh_cell(Node *n) { return cell(n, CELL_TANH, (State){ arg(n, "hx"), 0 }).h; }
Value lower_rnn_relu_cell(Node *n) { return cell(n, CELL_RELU, (State){ arg(n, "hx"), 0 }).h; }
