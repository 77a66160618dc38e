#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool io(Err *e, const char *what, const char *path)
{
	return fail(e, IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

bool map_file(FileMap *m, const char *path, Err *e)
{
	*m = (FileMap){ (const uint8_t *)"", 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);      /* a pipe without a writer would keep us waiting */
	if (fd < 0) return io(e, "open", path);
	struct stat st;
	bool ok = fstat(fd, &st) == 0 || io(e, "stat", path);
	if (ok && !S_ISREG(st.st_mode)) ok = fail(e, IO, "%s: is not a regular file", path);
	if (ok && st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) ok = io(e, "map", path);
		else *m = (FileMap){ p, (size_t)st.st_size };
	}
	close(fd);
	return ok;
}

void unmap_file(FileMap *m)
{
	if (m->n) munmap((void *)(uintptr_t)m->p, m->n);
	*m = (FileMap){ 0 };
}

bool write_all(int fd, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	while (n) {
		ssize_t k = write(fd, p, n < (1u << 30) ? n : (1u << 30));
		if (k < 0 && errno == EINTR) continue;
		if (k <= 0) return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

typedef int Create(const char *path);

static int create_file(const char *path) { return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }
static int create_dir(const char *path) { return mkdir(path, 0777); }

/* A new file or directory "<path>.XXXXXXXX", n bytes of path; its name in *tmp (malloc'ed). mkstemp() and mkdtemp() would leave
 * it to us to apply the umask, which only changing it tells. */
static int create_beside(const char *path, size_t n, Create *create, char **tmp)
{
	for (unsigned i = 0; i < 100; i++) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		unsigned id = (unsigned)t.tv_nsec ^ (unsigned)getpid() << 16 ^ i * 0x9e3779b9u;
		*tmp = NULL;
		if (asprintf(tmp, "%.*s.%08x", (int)n, path, id) < 0) return *tmp = NULL, errno = ENOMEM, -1;
		int made = create(*tmp);
		if (made >= 0) return made;
		free(*tmp);
		*tmp = NULL;
		if (errno != EEXIST) break;
	}
	return -1;
}

bool write_file(const char *path, const void *p, size_t n, Err *e)
{
	if (!strcmp(path, "-")) return write_all(STDOUT_FILENO, p, n) || io(e, "write", "standard output");
	char *tmp;
	int fd = create_beside(path, strlen(path), create_file, &tmp);
	if (fd < 0) return io(e, "create", path);
	bool ok = (write_all(fd, p, n) && fsync(fd) == 0) || io(e, "write", path);
	if (close(fd) && ok) ok = io(e, "write", path);
	if (ok && rename(tmp, path)) ok = io(e, "rename the new file to", path);
	if (!ok) unlink(tmp);
	free(tmp);
	return ok;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool make_dir(const char *path, Err *e) { return mkdir(path, 0777) == 0 || io(e, "create directory", path); }

static bool is_empty_dir(const char *path)
{
	DIR *d = opendir(path);
	if (!d) return false;
	int n = 0;
	for (struct dirent *f; (f = readdir(d)) && n < 3;) n++;
	closedir(d);
	return n <= 2;      /* "." and ".." */
}

char *begin_dir(const char *path, Err *e)
{
	if (file_exists(path) && !is_empty_dir(path)) {
		fail(e, IO, "%s: exists and is not an empty directory; name a new one or remove it", path);
		return NULL;
	}
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/') n--;
	char *tmp;
	if (create_beside(path, n, create_dir, &tmp) < 0) io(e, "create a directory beside", path);
	return tmp;
}

bool commit_dir(char *tmp, const char *path, Err *e)
{
	if (rename(tmp, path)) {
		io(e, "put the new directory in place of", path);
		abandon_dir(tmp);
		return false;
	}
	free(tmp);
	return true;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *f; d && (f = readdir(d));) {
		if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, "..")) continue;
		char *sub = NULL;
		if (asprintf(&sub, "%s/%s", path, f->d_name) < 0) break;
		if (unlink(sub)) remove_tree(sub);
		free(sub);
	}
	if (d) closedir(d);
	rmdir(path);
}

void abandon_dir(char *tmp)
{
	if (tmp) remove_tree(tmp);
	free(tmp);
}
