/* json-echo FILE: the document in a form without choices, to be compared with what Python's json makes of the same bytes:
 * null, true, false; i<int>; f<double, %.17g>; s<UTF-8 in hex>; [...]; {s<key>:value,...}. Exit status 1: it does not parse. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static void echo_string(Arena *a, JVal v)
{
	putchar('s');
	const char *s = json_str(a, v);
	if (!s) putchar('?');
	for (; s && *s; s++) printf("%02x", (unsigned char)*s);
}

static void echo(Arena *a, JVal v)
{
	int64_t i = json_int(v, INT64_MIN);
	const char *between = "";
	switch (json_kind(v)) {
	case JSON_missing: break;
	case JSON_null: fputs("null", stdout); break;
	case JSON_bool: fputs(json_bool_or(v, false) ? "true" : "false", stdout); break;
	case JSON_number:
		if (i != INT64_MIN) printf("i%lld", (long long)i);
		else printf("f%.17g", isnan(json_num(v, 0)) ? NAN : json_num(v, 0));
		break;
	case JSON_string: echo_string(a, v); break;
	case JSON_array: case JSON_object:
		putchar(json_kind(v) == JSON_array ? '[' : '{');
		JEACH(x, v) {
			fputs(between, stdout);
			between = ",";
			if (json_kind(v) == JSON_object) {
				echo_string(a, json_member_name(x));
				putchar(':');
			}
			echo(a, x);
		}
		putchar(json_kind(v) == JSON_array ? ']' : '}');
	}
}

int main(int argc, char **argv)
{
	Arena a = { 0 };
	Err e = { 0 };
	FileMap m;
	jmp_buf full;
	setlocale(LC_ALL, "");
	if (argc != 2 || setjmp(full)) return 2;
	a.full = &full;
	if (!map_file(&m, argv[1], &e)) return 2;
	const Json *doc = json_parse(&a, (const char *)m.p, m.n, "document", &e);
	if (doc) echo(&a, json_root(doc));
	else fprintf(stderr, "%s\n", err_msg(&e));
	int status = e.code ? 1 : 0;
	err_clear(&e);
	arena_free(&a);
	unmap_file(&m);
	return status;
}
