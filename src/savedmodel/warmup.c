#include "savedmodel/warmup.h"

#include <string.h>

#include "savedmodel/crc32c.h"
#include "savedmodel/message.h"

/* TFRecord (tensorflow/core/lib/io/record_writer.h): u64 length, u32 masked CRC-32C of it, bytes, their
 * u32 masked CRC-32C. */
static bool write_record(Out *o, const uint8_t *p, size_t n)
{
	Buf b = { 0 };
	put_le(&b, n, 8);
	uint32_t crc = b.failed ? 0 : crc32c(0, b.p, b.n);
	put_le(&b, crc32c_mask(crc), 4);
	put(&b, p, n);
	put_le(&b, crc32c_mask(crc32c(0, p, n)), 4);
	bool ok = b.failed ? fail(o->e, NO_MEMORY, "out of memory") : out_write(o, b.p, b.n);
	buf_free(&b);
	return ok;
}

static Tf__TensorProto *zeros(Arena *a, const Port *in)
{
	int64_t *dim = NEW(a, int64_t, in->rank + 1);
	size_t n = dtype_nbytes(in->dtype);
	for (int i = 0; i < in->rank; i++) {
		dim[i] = in->dim[i] < 0 ? 1 : in->dim[i];
		n *= (size_t)dim[i];
	}
	return tensor_message(a, in->type, in->rank, dim, arena_alloc(a, n + 1, 1), n);
}

static Tf__PredictRequest *request_of(Arena *a, const Served *s)
{
	Tf__PredictRequest *r = MESSAGE(a, Tf__PredictRequest, TF__PREDICT_REQUEST__INIT);
	r->model_spec = MESSAGE(a, Tf__ModelSpec, TF__MODEL_SPEC__INIT);
	r->model_spec->name = text("default");
	r->model_spec->signature_name = text(s->key);
	for (int i = 0; i < s->nin; i++) {
		Tf__PredictRequest__InputsEntry *e =
			MESSAGE(a, Tf__PredictRequest__InputsEntry, TF__PREDICT_REQUEST__INPUTS_ENTRY__INIT);
		e->key = text(s->in[i].name);
		e->value = zeros(a, &s->in[i]);
		*APPEND(a, r, inputs) = e;
	}
	return r;
}

bool warmup_write(const Plan *p, Out *o)
{
	for (int i = 0; i < p->nserved; i++) {
		Tf__PredictionLog log = TF__PREDICTION_LOG__INIT;
		Tf__PredictLog predict = TF__PREDICT_LOG__INIT;
		log.predict_log = &predict;
		predict.request = request_of(p->a, &p->served[i]);
		size_t n = tf__prediction_log__get_packed_size(&log);
		uint8_t *bytes = NEW(p->a, uint8_t, n + 1);
		tf__prediction_log__pack(&log, bytes);
		if (!write_record(o, bytes, n)) return false;
	}
	return true;
}
