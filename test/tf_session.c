/* A SavedModel in TensorFlow's C API, as a model server has it: TF_LoadSessionFromSavedModel with the tag "serve", a
 * signature's tensors by the names that its SignatureDef gives, TF_SessionRun. Links no line of ours.
 *
 * One job a line of standard input, fields between tabs:
 *	DIR  KEY  then  "<" NAME FILE.npy  for every input  and  ">" NAME FILE.npy  for every output wanted
 * and a line in answer: "ok", or what went wrong. A job with the DIR of the job before it uses that one's session. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

enum { MAX_FIELDS = 12000, MAX_RANK = 32 };

/* -- the answer ------------------------------------------------------------------------------------------ */

static char answer[4096];

/* Records the first failure of a job; always false. */
static bool fail(const char *fmt, ...)
{
	va_list ap;
	if (answer[0]) return false;
	va_start(ap, fmt);
	vsnprintf(answer, sizeof answer, fmt, ap);
	va_end(ap);
	for (char *c = answer; *c; c++)
		if (*c == '\n') *c = ' ';
	return false;
}

static bool tf_ok(TF_Status *s, const char *what)
{
	if (TF_GetCode(s) == TF_OK) return true;
	return fail("%s: code %d: %s", what, (int)TF_GetCode(s), TF_Message(s));
}

/* -- the signatures in a serialized MetaGraphDef --------------------------------------------------------- */

/* Bytes of a protobuf message: a field is a varint (number << 3 | wire type), then a varint (0), 8 bytes (1), a
 * length and so many bytes (2), or 4 bytes (5). */
typedef struct { const uint8_t *p, *end; } Bytes;

static uint64_t varint(Bytes *b)
{
	uint64_t v = 0;
	for (int shift = 0; shift < 64 && b->p < b->end; shift += 7) {
		uint8_t byte = *b->p++;
		v |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) break;
	}
	return v;
}

/* The next field: its number (0: the end), its bytes or its number's value. */
static int next_field(Bytes *b, Bytes *content, uint64_t *value)
{
	if (b->p >= b->end) return 0;
	uint64_t key = varint(b);
	size_t left, n;
	*content = (Bytes){ b->p, b->p };
	*value = 0;
	switch (key & 7) {
	case 0: *value = varint(b); return (int)(key >> 3);
	case 1: n = 8; break;
	case 2: n = (size_t)varint(b); break;
	default: n = 4;
	}
	left = (size_t)(b->end - b->p);
	if (n > left) n = left;
	*content = (Bytes){ b->p, b->p + n };
	b->p += n;
	return (int)(key >> 3);
}

static bool same(Bytes b, const char *text)
{
	return (size_t)(b.end - b.p) == strlen(text) && !memcmp(b.p, text, strlen(text));
}

/* In the map that is field `number` of b: the value whose key is `key` (empty: there is none). */
static Bytes look_up(Bytes b, int number, const char *key)
{
	Bytes entry, part;
	uint64_t value;
	for (int f; (f = next_field(&b, &entry, &value));) {
		Bytes found = { NULL, NULL };
		bool hit = false;
		if (f != number) continue;
		while ((f = next_field(&entry, &part, &value))) {
			if (f == 1) hit = same(part, key);
			else if (f == 2) found = part;
		}
		if (hit) return found;
	}
	return (Bytes){ NULL, NULL };
}

/* A tensor of a signature: TensorInfo.name is "operation:index". */
static bool tensor_of(TF_Graph *graph, Bytes info, const char *name, TF_Output *out, TF_DataType *type)
{
	char op[1024] = "";
	Bytes part;
	uint64_t value;
	for (int f; (f = next_field(&info, &part, &value));) {
		if (f == 1) snprintf(op, sizeof op, "%.*s", (int)(part.end - part.p), (const char *)part.p);
		else if (f == 2) *type = (TF_DataType)value;
	}
	char *colon = strrchr(op, ':');
	if (!colon) return fail("the signature has no tensor '%s'", name);
	*colon = 0;
	*out = (TF_Output){ TF_GraphOperationByName(graph, op), atoi(colon + 1) };
	return out->oper ? true : fail("the graph has no operation '%s'", op);
}

/* -- .npy files: 6 bytes of magic, 2 of version, 2 of header length, the header, the elements ------------- */

static const char *descr(TF_DataType t)
{
	switch (t) {
	case TF_FLOAT: return "<f4"; case TF_DOUBLE: return "<f8"; case TF_HALF: return "<f2";
	case TF_INT8: return "|i1"; case TF_INT16: return "<i2"; case TF_INT32: return "<i4"; case TF_INT64: return "<i8";
	case TF_UINT8: return "|u1"; case TF_UINT16: return "<u2"; case TF_UINT32: return "<u4"; case TF_UINT64: return "<u8";
	case TF_BOOL: return "|b1"; case TF_COMPLEX64: return "<c8"; case TF_COMPLEX128: return "<c16";
	case TF_BFLOAT16: return "<V2";
	default: return TF_DataTypeSize(t) == 1 ? "<V1" : NULL;
	}
}

/* The sizes in "'shape': (2, 3)"; rank -1: there are none to read. */
static int read_shape(const char *header, int64_t *dims)
{
	const char *at = strstr(header, "'shape': (");
	int rank = 0;
	if (!at || strstr(header, "'fortran_order': True")) return -1;
	for (at = strchr(at, '(') + 1; *at && *at != ')' && rank < MAX_RANK;) {
		char *end;
		dims[rank++] = strtoll(at, &end, 10);
		if (end == at) return -1;
		for (at = end; *at == ',' || *at == ' '; at++) { }
	}
	return rank;
}

static TF_Tensor *read_npy(const char *path, TF_DataType type)
{
	unsigned char head[10];
	char header[65536] = "";
	int64_t dims[MAX_RANK];
	size_t n = TF_DataTypeSize(type);
	FILE *f = fopen(path, "rb");
	TF_Tensor *t = NULL;
	if (!f || fread(head, 1, 10, f) != 10) goto done;
	size_t length = head[8] | (size_t)head[9] << 8;
	if (fread(header, 1, length, f) != length) goto done;
	int rank = read_shape(header, dims);
	if (rank < 0) goto done;
	for (int i = 0; i < rank; i++) n *= (size_t)dims[i];
	t = TF_AllocateTensor(type, dims, rank, n);
	if (fread(TF_TensorData(t), 1, n, f) == n) goto done;
	TF_DeleteTensor(t);
	t = NULL;
done:
	if (f) fclose(f);
	if (!t) fail("%s: cannot read it as a .npy of TensorFlow's type %d", path, (int)type);
	return t;
}

static bool write_npy(const char *path, const TF_Tensor *t)
{
	char header[1024], shape[800] = "";
	const char *type = descr(TF_TensorType(t));
	if (!type) return fail("%s: TensorFlow's type %d has no .npy", path, (int)TF_TensorType(t));
	for (int i = 0; i < TF_NumDims(t); i++)
		snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,", (long long)TF_Dim(t, i));
	int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
	while ((n + 11) % 64) header[n++] = ' ';
	header[n++] = '\n';
	unsigned char head[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8) };
	FILE *f = fopen(path, "wb");
	size_t nbytes = TF_TensorByteSize(t);
	bool ok = f && fwrite(head, 1, 10, f) == 10 && fwrite(header, 1, (size_t)n, f) == (size_t)n
		&& fwrite(TF_TensorData(t), 1, nbytes, f) == nbytes;
	if (f && fclose(f)) ok = false;
	return ok ? true : fail("%s: cannot write it", path);
}

/* -- sessions -------------------------------------------------------------------------------------------- */

typedef struct {
	char *dir;               /* NULL: none is open */
	TF_Graph *graph;
	TF_Session *session;
	TF_Buffer *meta;         /* a MetaGraphDef */
} Model;

static void close_model(Model *m)
{
	TF_Status *s = TF_NewStatus();
	if (m->session) TF_DeleteSession(m->session, s);
	if (m->graph) TF_DeleteGraph(m->graph);
	if (m->meta) TF_DeleteBuffer(m->meta);
	TF_DeleteStatus(s);
	free(m->dir);
	*m = (Model){ 0 };
}

static bool open_model(Model *m, const char *dir)
{
	if (m->dir && !strcmp(m->dir, dir)) return true;
	close_model(m);
	TF_Status *s = TF_NewStatus();
	TF_SessionOptions *opt = TF_NewSessionOptions();
	const char *tags[] = { "serve" };
	m->graph = TF_NewGraph();
	m->meta = TF_NewBuffer();
	m->session = TF_LoadSessionFromSavedModel(opt, NULL, dir, tags, 1, m->graph, m->meta, s);
	bool ok = tf_ok(s, "TF_LoadSessionFromSavedModel");
	TF_DeleteSessionOptions(opt);
	TF_DeleteStatus(s);
	if (ok) m->dir = strdup(dir);
	else close_model(m);
	return ok;
}

/* -- a job ----------------------------------------------------------------------------------------------- */

typedef struct {
	int nin, nout;
	TF_Output in[MAX_FIELDS / 3], out[MAX_FIELDS / 3];
	TF_Tensor *given[MAX_FIELDS / 3], *made[MAX_FIELDS / 3];
	const char *path[MAX_FIELDS / 3];
} Job;

static bool read_job(Job *j, const Model *m, char **field, int n)
{
	Bytes meta = { m->meta->data, (const uint8_t *)m->meta->data + m->meta->length };
	Bytes signature = look_up(meta, 5, field[1]);                     /* MetaGraphDef.signature_def */
	if (!signature.p) return fail("there is no signature '%s'", field[1]);
	for (int i = 2; i + 2 < n; i += 3) {
		bool input = field[i][0] == '<';
		TF_DataType type = TF_FLOAT;
		TF_Output *t = input ? &j->in[j->nin] : &j->out[j->nout];
		Bytes info = look_up(signature, input ? 1 : 2, field[i + 1]);    /* SignatureDef.inputs, outputs */
		if (!tensor_of(m->graph, info, field[i + 1], t, &type)) return false;
		if (!input) {
			j->path[j->nout++] = field[i + 2];
			continue;
		}
		j->given[j->nin] = read_npy(field[i + 2], type);
		if (!j->given[j->nin++]) return false;
	}
	return true;
}

static bool run_job(Job *j, const Model *m)
{
	TF_Status *s = TF_NewStatus();
	TF_SessionRun(m->session, NULL, j->in, j->given, j->nin, j->out, j->made, j->nout, NULL, 0, NULL, s);
	bool ok = tf_ok(s, "TF_SessionRun");
	TF_DeleteStatus(s);
	for (int i = 0; ok && i < j->nout; i++) ok = write_npy(j->path[i], j->made[i]);
	return ok;
}

static void do_line(Model *m, char *line)
{
	static char *field[MAX_FIELDS];
	static Job j;
	int n = 0;
	j = (Job){ 0 };
	for (char *at = line; at && n < MAX_FIELDS; n++) {
		field[n] = at;
		at = strchr(at, '\t');
		if (at) *at++ = 0;
	}
	if (n < 2) fail("wanted a directory and a signature");
	else if (open_model(m, field[0]) && read_job(&j, m, field, n)) run_job(&j, m);
	for (int i = 0; i < j.nin; i++)
		if (j.given[i]) TF_DeleteTensor(j.given[i]);
	for (int i = 0; i < j.nout; i++)
		if (j.made[i]) TF_DeleteTensor(j.made[i]);
}

int main(void)
{
	Model m = { 0 };
	char *line = NULL;
	size_t room = 0;
	for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
		if (line[n - 1] == '\n') line[n - 1] = 0;
		answer[0] = 0;
		do_line(&m, line);
		printf("%s\n", answer[0] ? answer : "ok");
		fflush(stdout);
	}
	close_model(&m);
	free(line);
	return 0;
}
