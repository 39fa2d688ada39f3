/** A line for each network device that is up: does it take trains, make them, compute checksums? */
import type { DeviceProbe, Offload } from "../../native/addon.ts";
import type { Facts } from "./facts.ts";
import { isAtLeast, SOFTWARE_CHECKSUMS } from "./kernel_version.ts";
import { asRoot, type Line, NO_LIBRARY, notChecked, ok, warning } from "./line.ts";

export function deviceLines(facts: Facts): Line[] {
  const { probe } = facts;
  if (probe === null) return [notChecked("devices", NO_LIBRARY)];
  const lines = probe.devices.map((device) => deviceLine(facts, device));
  if (probe.devicesLeftOut === 0) return lines;
  return [...lines, notChecked("more devices", `${probe.devicesLeftOut} more that are up`)];
}

function deviceLine(facts: Facts, device: DeviceProbe): Line {
  const { segmentation, gro, checksum } = device;
  const name = `device ${device.name}`;
  const lacking: { what: string; feature: string }[] = [];
  const add = (offload: Offload, what: string, feature: string) => {
    if (offload === "off") lacking.push({ what, feature });
  };
  /* In this order: without checksums there is no segmentation. */
  add(checksum, "checksums", "tx on");
  add(segmentation, "UDP segmentation", "tx-udp-segmentation on");
  if (makesTrains(device)) add(gro, "GRO", "gro on");
  if (lacking.length > 0) {
    const found = `turned off: ${lacking.map(({ what }) => what).join(", ")}`;
    const features = lacking.map(({ feature }) => feature).join(" ");
    return warning(name, found, asRoot(facts, `ethtool -K ${device.name} ${features}`));
  }
  const found = [
    `segmentation ${segmentation === "fixed" ? "by the kernel" : segmentation}`,
    ...(makesTrains(device) ? [`GRO ${gro}`] : []),
    `checksums ${checksum === "fixed" ? "by the kernel" : checksum}`,
  ].join(", ");
  if (checksum === "fixed" && !isAtLeast(facts.kernel, SOFTWARE_CHECKSUMS)) {
    return warning(
      name,
      "it computes no checksums, so the kernel takes no trains for it",
      "a kernel of Linux 6.11 or later computes them",
    );
  }
  return ok(name, found);
}

/** Loopback and veth hand on the sender's trains whole: there is nothing to put together. */
function makesTrains({ loopback, driver }: DeviceProbe): boolean {
  return !loopback && driver !== "veth";
}
