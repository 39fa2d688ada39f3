/* rate.h - a token bucket in time: each taking costs an interval, a burst may be saved up. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quicd_rate {
	uint64_t spent_until_ns;
};

static inline bool quicd_rate_take(struct quicd_rate *rate, uint64_t now_ns, uint64_t interval_ns,
				   uint64_t burst_ns)
{
	if (rate->spent_until_ns + burst_ns < now_ns)
		rate->spent_until_ns = now_ns - burst_ns;
	if (rate->spent_until_ns + interval_ns > now_ns)
		return false;
	rate->spent_until_ns += interval_ns;
	return true;
}
