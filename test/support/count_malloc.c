/*
 * count_malloc.c - for LD_PRELOAD: counts the calls of the C library's allocation functions, by
 * whether a worker (a thread named quicd-N) or another thread made them, in the file that
 * COUNT_MALLOC names: two 64-bit words.
 *
 * Bun has an allocator of its own and does not come by here; what does is our shared object and the
 * C library itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* glibc's own names, so that no dlsym is needed, which would allocate. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *pointer, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);

static _Atomic uint64_t before_start[2];
static _Atomic uint64_t *counts = before_start;

__attribute__((constructor)) static void open_counts(void)
{
	const char *path = getenv("COUNT_MALLOC");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof(before_start), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		counts = map;
}

static void count(void)
{
	char name[16] = "";
	prctl(PR_GET_NAME, name);
	const int worker = strncmp(name, "quicd-", 6) == 0;
	atomic_fetch_add_explicit(&counts[worker], 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
	count();
	return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes)
{
	count();
	return __libc_calloc(number, bytes);
}

void *realloc(void *pointer, size_t bytes)
{
	count();
	return __libc_realloc(pointer, bytes);
}

void *memalign(size_t align, size_t bytes)
{
	count();
	return __libc_memalign(align, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
	count();
	return __libc_memalign(align, bytes);
}

int posix_memalign(void **pointer, size_t align, size_t bytes)
{
	count();
	*pointer = __libc_memalign(align, bytes);
	return *pointer ? 0 : 12; /* ENOMEM */
}
