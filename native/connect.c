/* connect.c - see connect.h. */
#include "connect.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "alloc.h"
#include "connection.h"
#include "event.h"
#include "profile.h"
#include "qlog.h"
#include "worker.h"

#define NAME_BYTES_MAX 255
/*
 * An application that has not had its turn by then has no processor, or does not come back from
 * what it does. It loses nothing by the wait: who can't use a connection needs no handshake.
 */
#define HELD_NS 1000000000ull
#define HELD_OF_HANDSHAKE 4 /* but so large a part of its time limit at most */

/* Copies of what JavaScript could still change. */
struct request {
	struct quicd_connect head;
	struct qd_address peer, local;
	char name[NAME_BYTES_MAX + 1];
	uint8_t session[QUICD_LARGE_BUFFER_BYTES];
};

static bool emit_refusal(struct quicd_worker *worker, uint32_t app, const struct quicd_answer *no)
{
	return quicd_event_emit_to(worker, app,
				   &(struct quicd_event){
					   .kind = QUICD_EVENT_CONNECT_REFUSED,
					   .connection = QUICD_NONE,
					   .stream = QUICD_NONE,
					   .buffer = QUICD_NONE,
					   .length = no->system_error,
					   .request_id = no->request_id,
					   .error_code = no->error_code,
				   });
}

static void refuse(struct quicd_worker *worker, uint32_t app, uint32_t request_id,
		   enum quicd_refusal refusal, int system_error)
{
	struct quicd_link *link = &worker->engine->apps[app].links[worker->index];
	const struct quicd_answer no = {.request_id = request_id,
					.error_code = refusal,
					.system_error = (uint32_t)system_error};
	worker->counters->connects_refused++;
	if (!link->refusals && emit_refusal(worker, app, &no))
		return;
	struct quicd_answer *entry =
		quicd_allocate_own(sizeof(no), _Alignof(struct quicd_answer), true);
	assert(entry && "a few dozen bytes");
	*entry = no;
	if (link->refusals)
		link->refusals_tail->next = entry;
	else
		link->refusals = entry;
	link->refusals_tail = entry;
}

static void drop_first(struct quicd_link *link)
{
	struct quicd_answer *first = link->refusals;
	link->refusals = first->next;
	quicd_free(first, sizeof(*first), _Alignof(struct quicd_answer));
}

void quicd_connect_tell_refusals(struct quicd_worker *worker, uint32_t app)
{
	struct quicd_link *link = &worker->engine->apps[app].links[worker->index];
	while (link->refusals && emit_refusal(worker, app, link->refusals))
		drop_first(link);
}

void quicd_connect_forget(struct quicd_link *link)
{
	while (link->refusals)
		drop_first(link);
}

static bool read_request(const uint8_t *bytes, uint32_t length, struct request *request)
{
	struct quicd_connect *head = &request->head;
	if (!bytes || length < sizeof(*head))
		return false;
	memcpy(head, bytes, sizeof(*head));
	const uint32_t rest = length - (uint32_t)sizeof(*head);
	if ((head->family != 4 && head->family != 6) || head->peer_port == 0 ||
	    head->name_bytes > NAME_BYTES_MAX || head->name_bytes > rest ||
	    head->session_bytes != rest - head->name_bytes)
		return false;
	memcpy(request->name, bytes + sizeof(*head), head->name_bytes);
	request->name[head->name_bytes] = 0;
	if (strlen(request->name) != head->name_bytes)
		return false;
	memcpy(request->session, bytes + sizeof(*head) + head->name_bytes, head->session_bytes);
	request->peer = (struct qd_address){.family = (uint8_t)head->family,
					    .port = head->peer_port,
					    .scope_id = head->scope_id};
	memcpy(request->peer.ip, head->peer_ip, head->family == 4 ? 4 : 16);
	return true;
}

static socklen_t name_of(const struct qd_address *address, struct sockaddr_storage *name)
{
	memset(name, 0, sizeof(*name));
	if (address->family == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)name;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(address->port);
		memcpy(&v4->sin_addr, address->ip, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(address->port);
	v6->sin6_scope_id = address->scope_id;
	memcpy(&v6->sin6_addr, address->ip, 16);
	return sizeof(*v6);
}

/*
 * The address that datagrams to |peer| leave from, as the kernel would choose it: quiche tells
 * paths apart by all four numbers, so it has to be known before the first one leaves. Connecting
 * a UDP socket sends nothing. 0 or an errno.
 */
int quicd_connect_source(struct quicd_worker *worker, const struct qd_address *peer,
			 struct qd_address *local)
{
	static const uint8_t wildcard[16];
	const struct quicd_udp *udp = &worker->net.udp;
	const bool any = memcmp(udp->bound.ip, wildcard, sizeof(wildcard)) == 0;
	if (peer->family != udp->bound.family &&
	    (udp->family == AF_INET || !any))
		return EAFNOSUPPORT;
	*local = udp->bound;
	if (!any)
		return 0;
	struct sockaddr_storage name;
	socklen_t bytes = name_of(peer, &name);
	const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	worker->counters->system_calls += 4;
	if (fd < 0)
		return errno;
	int code = 0;
	if (connect(fd, (struct sockaddr *)&name, bytes) != 0)
		code = errno;
	bytes = sizeof(name);
	if (code == 0 && getsockname(fd, (struct sockaddr *)&name, &bytes) != 0)
		code = errno;
	close(fd);
	if (code == 0)
		quicd_address_from((struct sockaddr *)&name, local);
	local->port = udp->bound.port;
	return code;
}

/* TLS begins, and knows then whether 0-RTT may follow the first flight. */
static void begin_early(struct quicd_connection *connection, bool held)
{
	const struct quicd_worker *worker = connection->worker;
	const uint64_t most_ns =
		worker->engine->options.handshake_timeout_ms * 1000000 / HELD_OF_HANDSHAKE;
	struct qd_state state;
	qd_begin(connection->quiche);
	qd_get_state(connection->quiche, &state);
	if (held && state.in_early_data)
		connection->held_until_ns =
			worker->now_ns + (HELD_NS < most_ns ? HELD_NS : most_ns);
}

/* quiche's side. */
static bool make(struct quicd_connection *connection, struct qd_config *config,
		 const struct request *request)
{
	struct quicd_worker *worker = connection->worker;
	uint8_t scid[QUICD_CID_BYTES];
	int error = 0;
	if (!quicd_connection_draw_cid(connection, scid))
		return false;
	connection->quiche =
		qd_connect(config, request->head.name_bytes > 0 ? request->name : NULL, scid,
			   connection->cid_bytes, &request->local, &request->peer, &error);
	if (!connection->quiche)
		return false;
	if (worker->engine->keylog_fd >= 0)
		qd_set_keylog_fd(connection->quiche, worker->engine->keylog_fd);
	quicd_qlog_accepted(connection);
	const bool early = request->head.flags & QUICD_CONNECT_EARLY;
	/* What is no session, or none that is good here, makes a whole handshake. */
	if (request->head.session_bytes > 0 &&
	    qd_set_session(connection->quiche, request->session, request->head.session_bytes,
			   early) == 0 && early)
		begin_early(connection, request->head.flags & QUICD_CONNECT_HELD);
	return true;
}

static struct quicd_connection *open_connection(struct quicd_worker *worker,
						struct qd_config *config,
						const struct request *request, uint32_t app)
{
	struct quicd_connection *connection = quicd_connection_new(worker);
	if (!connection)
		return NULL;
	connection->app = app;
	worker->engine->apps[app].links[worker->index].connections++;
	connection->accepted_ns = worker->now_ns;
	connection->sent_ns = worker->now_ns;
	connection->local = request->local;
	connection->peer = request->peer;
	connection->profile = request->head.profile;
	if (request->head.flags & QUICD_CONNECT_OWN_SOCKET)
		connection->cid_bytes = QUICD_CID_BYTES_OWN_SOCKET;
	connection->view->app = app;
	connection->view->alpn = QUICD_NONE;
	quicd_connection_show_addresses(connection);
	if (make(connection, config, request))
		return connection;
	quicd_connection_free(connection);
	return NULL;
}

/* Its local address, with the port of a socket that is opened if it wants its own. */
static int choose_socket(struct quicd_worker *worker, struct request *request, uint16_t *port)
{
	int code = quicd_connect_source(worker, &request->peer, &request->local);
	if (code == 0 && request->head.flags & QUICD_CONNECT_OWN_SOCKET)
		code = quicd_net_open(worker, QUICD_CID_BYTES_OWN_SOCKET, port);
	if (*port != 0)
		request->local.port = *port;
	return code;
}

void quicd_connect(struct quicd_worker *worker, const struct quicd_command *command,
		   const uint8_t *bytes, uint32_t app)
{
	struct request request;
	const uint32_t id = command->request_id;
	if (worker->engine->options.role != QUICD_ROLE_CLIENT ||
	    !read_request(bytes, command->length, &request)) {
		worker->counters->commands_invalid++;
		refuse(worker, app, id, QUICD_REFUSED_INVALID, 0);
		return;
	}
	if (atomic_load_explicit(&worker->engine->draining, memory_order_relaxed) != 0) {
		refuse(worker, app, id, QUICD_REFUSED_CLOSED, 0);
		return;
	}
	struct qd_config *config = quicd_profile_config(worker, request.head.profile);
	if (!config) {
		refuse(worker, app, id, QUICD_REFUSED_INVALID, 0);
		return;
	}
	uint16_t port = 0; /* of a socket of its own */
	const int code = choose_socket(worker, &request, &port);
	if (code != 0) {
		refuse(worker, app, id, QUICD_REFUSED_SYSTEM, code);
		return;
	}
	struct quicd_connection *connection = open_connection(worker, config, &request, app);
	if (!connection) {
		if (port != 0)
			quicd_net_close(worker, port);
		refuse(worker, app, id, QUICD_REFUSED_FULL, 0);
		return;
	}
	connection->move.port = port;
	connection->move.preferred_seen = request.head.flags & QUICD_CONNECT_STAY;
	worker->counters->connects++;
	connection->request_id = id;
	connection->pending |= QUICD_PENDING_STARTED;
	/* The one list tells of it, the other lets the first flight leave and sets the timer. */
	quicd_list_append(&worker->blocked, &connection->blocked);
	quicd_list_append(&worker->dirty, &connection->dirty);
}
