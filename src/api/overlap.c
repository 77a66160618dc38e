/* State whose memory is another weight's too: in the program the two are values of their own, and what is written to one would not be
 * seen in the other. torch gives tensors that are the same one name; views of one another keep theirs. */
#include "api/api.h"

#include <string.h>

typedef struct Span { const uint8_t *p, *end; } Span;

/* From the first to behind the last element; empty where there is none, or no data. */
static Span span(DType dtype, int rank, const int64_t *dim, const int64_t *stride, const uint8_t *first)
{
	int64_t last = 0, step = 1;
	for (int i = rank; first && i-- > 0; step *= dim[i]) {
		if (!dim[i]) return (Span){ 0 };
		last += (dim[i] - 1) * (stride ? stride[i] : step);
	}
	return first ? (Span){ first, first + ((size_t)last + 1) * dtype_nbytes(dtype) } : (Span){ 0 };
}

static Span span_of_state(const tshlo_model *m, const char *name)
{
	for (int i = 0; i < m->nstate; i++) {
		const NpyArray *x = &m->state[i].array;
		if (!strcmp(m->state[i].name, name)) return span(x->dtype, x->rank, x->dim, x->stride, x->data);
	}
	return (Span){ 0 };
}

static bool check_reads(const tshlo_model *m, const Method *writer, const char *written, Err *e)
{
	Span w = span_of_state(m, written);
	for (int k = 0; k < m->nmethod; k++) {
		const Method *reader = &m->method[k];
		for (int i = 0; i < reader->nin; i++) {
			if (!reader->weight[i] || !strcmp(reader->in[i].name, written)) continue;
			const Tensor *t = &reader->weight[i]->tensor;
			Span r = span(t->dtype, t->rank, t->dim, t->stride, tensor_start(t));
			if (r.p < w.end && w.p < r.end)
				return fail(e, UNSUPPORTED, "method '%s' writes '%s' in memory that '%s', which method '%s' reads, has too; "
					"wanted one name for both, or a clone() of one", writer->name, written, reader->in[i].name, reader->name);
		}
	}
	return true;
}

bool check_overlap(const tshlo_model *m, Err *e)
{
	for (int k = 0; k < m->nmethod; k++) {
		const Method *writer = &m->method[k];
		for (int j = 0; j < writer->nout; j++) {
			bool writes = writer->out[j].output == TSHLO_OUTPUT_BUFFER_MUTATION || writer->out[j].output == TSHLO_OUTPUT_PARAMETER_MUTATION;
			if (writes && !check_reads(m, writer, writer->out[j].name, e)) return false;
		}
	}
	return true;
}
