#include "base/out.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static bool out_failed(Out *o, const char *what)
{
	return fail(o->e, IO, "%s: cannot %s: %s", o->shown, what, strerror(errno));
}

bool out_open(Out *o, const char *path, const char *shown, Err *e)
{
	*o = (Out){ .shown = shown, .e = e };
	o->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return o->fd >= 0 || out_failed(o, "create the file");
}

bool out_write(Out *o, const void *p, size_t n)
{
	o->n += n;
	return write_all(o->fd, p, n) || out_failed(o, "write");
}

bool out_close(Out *o, bool ok)
{
	int fd = o->fd;
	o->fd = -1;
	return (close(fd) == 0 && ok) || (ok && out_failed(o, "write"));
}
