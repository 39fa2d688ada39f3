/** The runner's scenarios, word for word, and what is none. */
import { expect, test } from "bun:test";
import { parseScenario } from "../../interop/lab/simulator/scenario.ts";

const LINK = "--delay=15ms --bandwidth=10Mbps --queue=25";
const link = { delayNs: 15e6, bitsPerSecond: 10e6, queuePackets: 25 };
const RATES = "--rate_to_server=30 --rate_to_client=2 --burst_to_server=3 --burst_to_client=4";
const to = { server: { percent: 30, burst: 3 }, client: { percent: 2, burst: 4 } };

test("the link's options", () => {
  const { link: parsed } = parseScenario("simple-p2p --delay=0.75s --bandwidth=500kbps --queue=1");
  expect(parsed).toEqual({ delayNs: 750e6, bitsPerSecond: 500e3, queuePackets: 1 });
});

test.each([
  [`simple-p2p ${LINK}`, { kind: "none" }],
  [`drop-rate ${LINK} ${RATES}`, { kind: "drop", to }],
  [`corrupt-rate ${LINK} ${RATES.replaceAll("_", "-")}`, { kind: "corrupt", to }],
  [
    `droplist ${LINK} --drops_to_server=2,3,4`,
    { kind: "droplist", to: { server: new Set([2, 3, 4]), client: new Set() } },
  ],
  [
    `blackhole ${LINK} --on=5s --off=2s`,
    { kind: "blackhole", onNs: 5e9, offNs: 2e9, repeat: 1, direction: "both" },
  ],
  [
    `blackhole ${LINK} --on=1s --off=1s --repeat=3 --direction=to-client`,
    { kind: "blackhole", onNs: 1e9, offNs: 1e9, repeat: 3, direction: "client" },
  ],
  [
    `rebind ${LINK} --first-rebind=1s --rebind-freq=5s`,
    { kind: "rebind", firstNs: 1e9, everyNs: 5e9, address: false },
  ],
  [
    `rebind ${LINK} --first-rebind=1s --rebind-freq=5s --rebind-addr`,
    { kind: "rebind", firstNs: 1e9, everyNs: 5e9, address: true },
  ],
] as const)("%s", (text, disturbance) => {
  expect(parseScenario(text)).toEqual({ link, disturbance } as never);
});

test.each([
  ["tcp-cross-traffic", /scenario "tcp-cross-traffic" is unknown: use simple-p2p/],
  [`simple-p2p ${LINK} --on=5s`, /simple-p2p has no option "--on=5s": use --delay/],
  ["simple-p2p --delay=15ms --queue=25", /--bandwidth is missing: give a bandwidth/],
  [`simple-p2p ${LINK} --queue=26`, /--queue is given twice/],
  ["simple-p2p --delay=15 --bandwidth=1Mbps --queue=25", /--delay is "15": give a time like 15ms/],
  ["simple-p2p --delay=1s --bandwidth=0Mbps --queue=25", /--bandwidth is "0Mbps": give more/],
  [`droplist ${LINK} --drops_to_server=2;3`, /--drops-to-server is "2;3": give numbers/],
  [`drop-rate ${LINK}`, /--rate-to-client is missing/],
  [`blackhole ${LINK} --on=1s --off=1s --direction=left`, /--direction is "left": give both/],
])("%s is refused", (text, message) => {
  expect(() => parseScenario(text)).toThrow(message);
});
