/* Files: mapped in, written beside and renamed. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Owns a read-only mapping; close with unmap_file(). An empty file maps to p = "", n = 0. */
typedef struct FileMap {
	const uint8_t *p;
	size_t n;
} FileMap;

/* Fails with IO and the path when the file cannot be opened, is a directory, or cannot be mapped. */
bool map_file(FileMap *m, const char *path, Err *e);
void unmap_file(FileMap *m);

/* All of p[0..n) to an open file; false, with errno set, when the system would not take it. */
bool write_all(int fd, const void *p, size_t n);

/* Writes p[0..n) to path: a temporary file beside it, fsync, rename. On failure nothing is left and an older file at
 * path is untouched. path "-" is standard output. */
bool write_file(const char *path, const void *p, size_t n, Err *e);

/* A new directory beside `path` to fill ("<path>.XXXXXX", malloc'ed), then put in its place in one rename. Fails when
 * `path` exists and is not an empty directory. commit_dir() and abandon_dir() free tmp. */
char *begin_dir(const char *path, Err *e);
bool commit_dir(char *tmp, const char *path, Err *e);
void abandon_dir(char *tmp);

bool make_dir(const char *path, Err *e);
bool file_exists(const char *path);
bool is_dir(const char *path);

#endif
