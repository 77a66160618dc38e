/* The protobuf of a compilation, without a plugin: the bytes of the options, and signatures that lie.
 * Expected bytes: worked out by hand from xla/pjrt/proto/compile_options.proto and the wire format. */
#include <string.h>

#include "pjrt/test/test.h"

static void options_name_the_device(void **state)
{
	(void)state;
	static const uint8_t wanted[] = {
		0x1a, 26,                                   /* executable_build_options */
		0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,      /* device_ordinal: -1 */
		0x20, 1, 0x28, 1,                           /* num_replicas, num_partitions */
		0x4a, 9,                                    /* device_assignment */
		0x08, 1, 0x10, 1,                           /* replica_count, computation_count */
		0x1a, 3, 0x0a, 1, 5,                        /* computation_devices { replica_device_ids: 5 } */
		0x3a, 33, 0x0a, 27,                         /* env_option_overrides { key, value { bool_field: false } } */
		'x', 'l', 'a', '_', 'c', 'p', 'u', '_', 'e', 'n', 'a', 'b', 'l', 'e', '_',
		'f', 'a', 's', 't', '_', 'm', 'i', 'n', '_', 'm', 'a', 'x', 0x12, 2, 0x10, 0,
		0x3a, 33, 0x0a, 27,
		'x', 'l', 'a', '_', 'g', 'p', 'u', '_', 'e', 'n', 'a', 'b', 'l', 'e', '_',
		'f', 'a', 's', 't', '_', 'm', 'i', 'n', '_', 'm', 'a', 'x', 0x12, 2, 0x10, 0,
	};
	Buf b = { 0 };
	put_compile_options(&b, &(Device){ .id = 5 }, NULL);
	assert_int_equal(b.n, sizeof wanted);
	assert_memory_equal(b.p, wanted, sizeof wanted);
	buf_free(&b);
}

/* host_program_shape { parameters { F32[2,300] } parameters { PRED[] } }, the dims of one packed, of the
 * other not there. */
#define SHAPES 0x22, 13, 0x0a, 7, 0x10, 11, 0x1a, 3, 2, 0xac, 0x02, 0x0a, 2, 0x10, 1

static bool read(const uint8_t *p, size_t n, bool with_config, Signature *s, Err *e, Arena *a)
{
	jmp_buf full;
	if (setjmp(full)) FAIL("out of memory");
	a->full = &full;
	*s = (Signature){ 0 };
	return program_signature(a, p, n, with_config, s, e);
}

static void a_signature_is_read(void **state)
{
	(void)state;
	Err e = { 0 };
	Arena a = { 0 };
	Signature s;
	static const uint8_t plain[] = { 0x0a, 1, 'm', SHAPES }, wrapped[] = { 0x0a, 15, SHAPES, 0x12, 0 };
	static const uint8_t donor[] = { SHAPES, 0x92, 0x01, 2, 0x0a, 0x00 },
		alias[] = { SHAPES, 0x42, 4, 0x0a, 2, 0x08, 0 };
	WORKS(read(plain, sizeof plain, false, &s, &e, &a));
	assert_int_equal(s.ninput, 2);
	assert_true(tensor_type_eq(&s.input[0], &(TensorType){ DTYPE_f32, 2, (const int64_t[]){ 2, 300 } }));
	assert_true(tensor_type_eq(&s.input[1], &(TensorType){ DTYPE_bool, 0, NULL }));
	assert_false(s.may_donate);
	WORKS(read(wrapped, sizeof wrapped, true, &s, &e, &a));
	assert_int_equal(s.ninput, 2);
	WORKS(read(alias, sizeof alias, false, &s, &e, &a));
	assert_true(s.may_donate);
	WORKS(read(donor, sizeof donor, false, &s, &e, &a));
	assert_true(s.may_donate);
	arena_free(&a);
}

static void refused(const uint8_t *p, size_t n, Code code, const char *wanted)
{
	Err e = { 0 };
	Arena a = { 0 };
	Signature s;
	assert_false(read(p, n, false, &s, &e, &a));
	assert_int_equal(e.code, code);
	if (strncmp(err_msg(&e), wanted, strlen(wanted))) FAIL("%s", err_msg(&e));
	err_clear(&e);
	arena_free(&a);
}
#define REFUSED(code, wanted, ...) \
	refused((const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ }, code, wanted)

static void what_cannot_be_an_input_is_refused(void **state)
{
	(void)state;
	REFUSED(UNSUPPORTED, "input 0 is no tensor, or of an unknown element type (XLA's 13)", 0x22, 4, 0x0a, 2,
		0x10, 13);
	REFUSED(UNSUPPORTED, "input 0: dimension 1 is dynamic", 0x22, 12, 0x0a, 10, 0x10, 11, 0x1a, 2, 2, 3, 0x32, 2,
		0, 1);
	REFUSED(BAD_INPUT, "compiled program: wire type 3", 0x23, 4);
	REFUSED(BAD_INPUT, "compiled program: varint of more than ten bytes", 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 1);
	REFUSED(BAD_INPUT, "compiled program: need", 0x22, 40, 0x0a);
}

/* Every cut and every flipped bit gives a signature or an error, never a read outside (the sanitizers see to
 * that). */
static void damage_is_survived(void **state)
{
	(void)state;
	static const uint8_t good[] = { 0x0a, 1, 'm', SHAPES, 0x42, 4, 0x0a, 2, 0x08, 0 };
	for (size_t n = 0; n <= sizeof good; n++) {
		for (size_t bit = 0; bit < 8 * n + 1; bit++) {
			uint8_t *p = malloc(n + 1);
			memcpy(p, good, n);
			if (bit < 8 * n) p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			Err e = { 0 };
			Arena a = { 0 };
			Signature s;
			assert_true(read(p, n, false, &s, &e, &a) == !e.code);
			err_clear(&e);
			arena_free(&a);
			free(p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_name_the_device), cmocka_unit_test(a_signature_is_read),
		cmocka_unit_test(what_cannot_be_an_input_is_refused), cmocka_unit_test(damage_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
