/** The sockets: trains of datagrams, buffers, what was lost in them, and the port. */
import { constants } from "node:os";
import type { Facts, Plan } from "./facts.ts";
import {
  asRoot,
  bytesText,
  type Line,
  NO_LIBRARY,
  NOT_TOLD,
  notChecked,
  ok,
  problem,
  warning,
} from "./line.ts";

export function socketLines(facts: Facts, plan: Plan): Line[] {
  return [
    trains(facts, plan, "gro"),
    trains(facts, plan, "gso"),
    buffer(facts, plan, "receive"),
    buffer(facts, plan, "send"),
    drops(facts, plan),
    port(facts, plan),
  ];
}

function trains({ probe }: Facts, plan: Plan, which: "gro" | "gso"): Line {
  const receiving = which === "gro";
  const name = receiving ? "UDP GRO" : "UDP GSO";
  if (!plan[which]) return ok(name, `not asked for (netio.${which} = false)`);
  if (probe === null) return notChecked(name, NO_LIBRARY);
  if (probe.socket.error !== "") return notChecked(name, probe.socket.error);
  const verb = receiving ? "receive" : "send";
  if (probe.socket[which]) return ok(name, `sockets can ${verb} trains of datagrams`);
  const found = `sockets cannot ${verb} trains: every datagram goes through the kernel by itself`;
  return warning(
    name,
    found,
    "run it on a Linux kernel itself: sandboxes such as gVisor have none",
  );
}

function buffer(facts: Facts, plan: Plan, which: "receive" | "send"): Line {
  const name = `${which} buffer`;
  const receiving = which === "receive";
  const key = receiving ? "net.core.rmem_max" : "net.core.wmem_max";
  const max = receiving ? facts.receiveBufferMax : facts.sendBufferMax;
  const socket = facts.probe?.socket;
  const granted = receiving ? socket?.receiveBufferBytes : socket?.sendBufferBytes;
  const asked = plan.socketBufferBytes;
  const limit = max === null ? "" : `; ${key} is ${bytesText(max)}`;
  if (socket === undefined || granted === undefined || socket.error !== "") {
    return notChecked(name, `${socket?.error || NO_LIBRARY}${limit}`);
  }
  const found = `${bytesText(asked)} asked for, ${bytesText(granted)} granted${limit}`;
  if (granted >= asked) return ok(name, found);
  return warning(name, found, asRoot(facts, `sysctl -w ${key}=${asked}`));
}

function drops(facts: Facts, plan: Plan): Line {
  const name = "UDP drops";
  if (facts.udp === null) return notChecked(name, NOT_TOLD);
  const { received, dropped } = facts.udp;
  if (dropped === 0) return ok(name, "no datagram found a socket's buffer full since boot");
  const percent = (100 * dropped) / (received + dropped);
  const share = percent < 0.01 ? "less than 0.01" : String(Number(percent.toPrecision(2)));
  const count = `${dropped.toLocaleString("en")} datagram${dropped === 1 ? "" : "s"}`;
  const found =
    `${count} since boot (${share} %) came to a full socket buffer, lost: ` +
    "some program, quicd or another, read too slowly";
  const larger = 2 * plan.socketBufferBytes;
  const remedy =
    "see whether it grows while quicd serves: nstat -az 'Udp*RcvbufErrors'\n" +
    `if so: ${asRoot(facts, `sysctl -w net.core.rmem_max=${larger}`)}; ` +
    `QUICD_NETIO_SOCKET_BUFFER_BYTES=${larger} ${facts.serve}`;
  return warning(name, found, remedy);
}

function port({ probe, ...facts }: Facts, { host, port: number }: Plan): Line {
  const name = "port";
  if (probe === null) return notChecked(name, NO_LIBRARY);
  const where = `UDP port ${number} of ${host}`;
  const { EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT } = constants.errno;
  switch (probe.portError) {
    case 0:
      return ok(name, number === 0 ? `any free one of ${host}` : `${where} is free`);
    case EADDRINUSE:
      return problem(
        name,
        `${where} is taken by another program, perhaps a running quicd`,
        `who has it: ${asRoot(facts, `ss -ulpn 'sport = :${number}'`)}\nor another one: --port 0`,
      );
    case EACCES:
      return problem(
        name,
        `${where} is a privileged one, and this process has no CAP_NET_BIND_SERVICE`,
        `${asRoot(facts, `sysctl -w net.ipv4.ip_unprivileged_port_start=${number}`)}\n` +
          "in a systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE",
      );
    case EADDRNOTAVAIL:
      return problem(
        name,
        `${host} is no address of this machine`,
        "--host ::\nor one of these: ip -br address",
      );
    case EAFNOSUPPORT:
      return problem(name, `there is no IPv6 here, and the host is ${host}`, "--host 0.0.0.0");
    default:
      return problem(name, `${where} cannot be bound: ${errnoName(probe.portError)}`, "--host ::");
  }
}

function errnoName(code: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === code);
  return known?.[0] ?? `error ${code}`;
}
