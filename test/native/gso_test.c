/*
 * gso_test.c - a network device that refuses segmentation (EIO): sends go on without it, and it is
 * said once. The refusal is injected below the backend that uses sendmmsg.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static _Atomic uint32_t refused, passed;

static bool is_segmented(const struct msghdr *message)
{
	struct msghdr *m = (struct msghdr *)message;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

/* In place of libc's: as the kernel over such a device, which sends what comes before. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	unsigned int whole = 0;
	while (whole < count && !is_segmented(&messages[whole].msg_hdr))
		whole++;
	if (whole == 0 && count > 0) {
		atomic_fetch_add(&refused, 1);
		errno = EIO;
		return -1;
	}
	atomic_fetch_add(&passed, whole);
	return (int)syscall(SYS_sendmmsg, fd, messages, whole, flags);
}

/* Lines of |path| that name the refusal. */
static uint32_t lines_in(FILE *file)
{
	char line[512];
	uint32_t count = 0;
	rewind(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "refuses segmented sends") != NULL;
	return count;
}

__attribute__((no_sanitize("thread"))) static uint64_t counted(const struct quicd_engine *engine)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++)
		sum += engine->workers[i].counters->gso_refused;
	return sum;
}

static void falls_back_once(void)
{
	char error[256] = "";
	struct quicd_options options = default_options(2);
	options.backend = QUICD_BACKEND_SYSCALLS;
	FILE *said = tmpfile();
	const int terminal = dup(STDERR_FILENO);
	REQUIRE(said && terminal >= 0);
	dup2(fileno(said), STDERR_FILENO);
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	bool whole = true;
	for (int i = 0; i < 6; i++) { /* on both workers */
		struct client client;
		client_open(&client, engine->port);
		whole = client_handshake(&client) && echo_stream(&client, 0, 300000, 0, NULL) &&
			whole;
		client_close(&client);
	}
	fflush(stderr);
	dup2(terminal, STDERR_FILENO);
	close(terminal);
	CHECK(whole);
	CHECK(atomic_load(&refused) > 0 && atomic_load(&passed) > 100);
	/* Each worker notices by itself, once, and whatever was on its way then was refused too. */
	CHECK(counted(engine) >= 1 && counted(engine) <= options.workers);
	CHECK(lines_in(said) == 1);
	printf("%u sends refused, %u packets one by one\n", atomic_load(&refused),
	       atomic_load(&passed));
	fclose(said);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

int main(void)
{
	check_case("a device without segmentation: once, and said once", falls_back_once);
	return check_finish();
}
