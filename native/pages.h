/* pages.h - large memory straight from the kernel: zeroed, not resident before it is touched. */
#pragma once
#include <stddef.h>
#include <sys/mman.h>

/* NULL when the kernel refuses. Not reserved: what is never touched costs an address only. */
static inline void *quicd_pages_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* NULL is allowed. */
static inline void quicd_pages_unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}
