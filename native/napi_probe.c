/* napi_probe.c - see napi_probe.h. */
#include "napi_probe.h"
#include "net.h"
#include "probe.h"
#include "steer.h"

#define DEVICES_MAX 64
#define TEXT_MAX 256

static void put(napi_env env, napi_value object, const char *name, napi_value value)
{
	napi_set_named_property(env, object, name, value);
}

static napi_value make_object(napi_env env)
{
	napi_value object = NULL;
	napi_create_object(env, &object);
	return object;
}

static napi_value make_text(napi_env env, const char *text)
{
	napi_value value = NULL;
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
	return value;
}

static napi_value make_number(napi_env env, uint32_t number)
{
	napi_value value = NULL;
	napi_create_uint32(env, number, &value);
	return value;
}

static napi_value make_flag(napi_env env, bool flag)
{
	napi_value value = NULL;
	napi_get_boolean(env, flag, &value);
	return value;
}

static napi_value make_socket(napi_env env, uint32_t buffer_bytes)
{
	struct quicd_probe_socket socket = { 0 };
	char error[TEXT_MAX] = "";
	quicd_probe_socket(buffer_bytes, &socket, error, sizeof(error));
	napi_value object = make_object(env);
	put(env, object, "error", make_text(env, error));
	put(env, object, "gro", make_flag(env, socket.gro));
	put(env, object, "gso", make_flag(env, socket.gso));
	put(env, object, "receiveBufferBytes", make_number(env, socket.receive_buffer_bytes));
	put(env, object, "sendBufferBytes", make_number(env, socket.send_buffer_bytes));
	return object;
}

static napi_value make_device(napi_env env, const struct quicd_probe_device *device)
{
	static const char *const OFFLOADS[] = {
		[QUICD_OFFLOAD_UNKNOWN] = "unknown",
		[QUICD_OFFLOAD_ON] = "on",
		[QUICD_OFFLOAD_OFF] = "off",
		[QUICD_OFFLOAD_FIXED] = "fixed",
	};
	napi_value object = make_object(env);
	put(env, object, "name", make_text(env, device->name));
	put(env, object, "driver", make_text(env, device->driver));
	put(env, object, "loopback", make_flag(env, device->loopback));
	put(env, object, "segmentation", make_text(env, OFFLOADS[device->segmentation]));
	put(env, object, "gro", make_text(env, OFFLOADS[device->gro]));
	put(env, object, "checksum", make_text(env, OFFLOADS[device->checksum]));
	return object;
}

static void put_devices(napi_env env, napi_value object)
{
	struct quicd_probe_device devices[DEVICES_MAX];
	const uint32_t count = quicd_probe_devices(devices, DEVICES_MAX);
	const uint32_t shown = count < DEVICES_MAX ? count : DEVICES_MAX;
	napi_value list = NULL;
	napi_create_array(env, &list);
	for (uint32_t i = 0; i < shown; i++)
		napi_set_element(env, list, i, make_device(env, &devices[i]));
	put(env, object, "devices", list);
	put(env, object, "devicesLeftOut", make_number(env, count - shown));
}

napi_value quicd_napi_probe(napi_env env, napi_callback_info info)
{
	napi_value argument[4];
	size_t count = 4, length = 0;
	char host[64], refusal[TEXT_MAX] = "";
	uint32_t port = 0, buffer_bytes = 0, workers = 0;
	napi_get_cb_info(env, info, &count, argument, NULL, NULL);
	if (napi_get_value_string_utf8(env, argument[0], host, sizeof(host), &length) != napi_ok ||
	    napi_get_value_uint32(env, argument[1], &port) != napi_ok || port > UINT16_MAX ||
	    napi_get_value_uint32(env, argument[2], &buffer_bytes) != napi_ok ||
	    napi_get_value_uint32(env, argument[3], &workers) != napi_ok || workers < 1 ||
	    workers > QUICD_WORKERS_MAX) {
		napi_throw_error(env, "QUICD",
				 "probe needs a host, a port, a buffer size and 1 to 64 workers");
		return NULL;
	}
	napi_value object = make_object(env);
	quicd_uring_usable(workers, refusal, sizeof(refusal));
	put(env, object, "uringRefusal", make_text(env, refusal));
	refusal[0] = 0;
	quicd_steer_usable(refusal, sizeof(refusal));
	put(env, object, "steeringRefusal", make_text(env, refusal));
	put(env, object, "socket", make_socket(env, buffer_bytes));
	put(env, object, "portError",
	    make_number(env, (uint32_t)quicd_probe_port(host, (uint16_t)port)));
	put_devices(env, object);
	return object;
}
