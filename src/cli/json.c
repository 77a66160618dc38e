#include "json.h"

#include <stdio.h>

/* How many bytes of s are one UTF-8 character, 0 when they are none (RFC 3629, section 4). */
static int utf8_length(const unsigned char *s)
{
	int n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80) return 0;
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool beyond = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
	return n > 1 && (overlong || beyond) ? 0 : n;
}

void put_string(const char *s)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		int n = utf8_length(p);
		if (!n) fputs("\\ufffd", stdout), p++;
		else if (*p == '"' || *p == '\\') printf("\\%c", *p++);
		else if (*p < 0x20 || *p == 0x7f) printf("\\u%04x", *p++);
		else fwrite(p, 1, (size_t)n, stdout), p += n;
	}
	putchar('"');
}

Object open_with(char c) { return putchar(c), (Object){ false }; }

void item(Object *o)
{
	if (o->more) fputs(", ", stdout);
	o->more = true;
}

void key(Object *o, const char *name)
{
	item(o);
	put_string(name);
	fputs(": ", stdout);
}

void member(Object *o, const char *name, const char *value) { key(o, name), put_string(value); }

void number(Object *o, const char *name, uint64_t v)
{
	key(o, name);
	printf("%llu", (unsigned long long)v);
}

void member_or_null(Object *o, const char *name, const char *value)
{
	key(o, name);
	if (value && *value) put_string(value);
	else fputs("null", stdout);
}
