/* JSON on standard output, piece by piece: {"a": "b", ...} on one line. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* An object or array that is open: whether something stands in it. */
typedef struct Object { bool more; } Object;

/* c: '{' or '['. Closing it is the caller's. */
Object open_with(char c);
/* The comma before an item; the same and the name of a member. */
void item(Object *o);
void key(Object *o, const char *name);

/* Bytes that are not UTF-8 become U+FFFD. */
void put_string(const char *s);
void member(Object *o, const char *name, const char *value);
void number(Object *o, const char *name, uint64_t v);
/* null for NULL and "" */
void member_or_null(Object *o, const char *name, const char *value);

#endif
