/** The results as one page that needs nothing else: the matrix, measurements, and each pair. */
import type { Outcome } from "../cases/case.ts";
import { MATRIX_STYLE } from "./html_style.ts";
import type { Results } from "./results_file.ts";
import { type CaseTally, type Cell, countText, rateText } from "./tally.ts";

const ORDER: readonly Outcome[] = ["succeeded", "unsupported", "failed"];
const SUITE = { quic: "QUIC", webtransport: "WebTransport" } as const;
/** What the links of all scenarios carry, in kbit/s: a bar's full width. */
const LINK_KBPS = 10_000;

export function htmlMatrix(results: Results): string {
  const { quicd } = results;
  const title = `${SUITE[quicd.suite]} interop, ${dayOf(results.start_time)}`;
  const body = [
    `<header><h1>${escaped(title)}</h1>${summary(results)}</header>`,
    matrixSection(results),
    measurementSection(quicd.cells),
    pairSection(results),
    caseSection(results),
  ];
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
    `<title>${escaped(title)}</title>`,
    `<style>${MATRIX_STYLE}</style>`,
    "</head>",
    `<body>${body.join("\n")}</body>`,
    "</html>\n",
  ].join("\n");
}

function summary(results: Results): string {
  const { cells, seed, runs, variant } = results.quicd;
  const cases = cells.flatMap((cell) => cell.cases);
  const sum = (key: "runs" | Outcome) => cases.reduce((total, one) => total + one[key], 0);
  const figures = ORDER.map(
    (key) => `<div class="figure ${key}"><b>${sum(key)}</b> ${key}</div>`,
  ).join("");
  const minutes = (results.end_time - results.start_time) / 60;
  const facts = [
    `${sum("runs")} runs of ${cells.length} pairs`,
    `${runs} of each test in each cell`,
    `seeds from ${seed}`,
    ...(variant === "" ? [] : [variant]),
    minutes < 100 ? `${minutes.toFixed(0)} min` : `${(minutes / 60).toFixed(1)} h`,
  ];
  return `<div class="figures">${figures}</div><p class="facts">${escaped(facts.join(" · "))}</p>`;
}

function matrixSection({ servers, clients, quicd }: Results): string {
  const head = clients.map((client) => `<th scope="col">${escaped(client)}</th>`).join("");
  const rows = servers.map((server) => {
    const columns = clients.map((client) => {
      const cell = quicd.cells.find((one) => one.server === server && one.client === client);
      const shown = cell === undefined ? "" : cellContent(cell);
      const empty = shown === "" ? ' class="empty"' : "";
      return `<td data-client="${escaped(client)}"${empty}>${shown}</td>`;
    });
    return `<tr><th scope="row">${escaped(server)}</th>${columns.join("")}</tr>`;
  });
  return [
    '<section><h2>Matrix</h2><p class="legend">Rows are servers, columns clients. A case is green',
    "when every run of it succeeded, red with the count when one did not, grey when an endpoint",
    'does not take part.</p><div class="scroll"><table class="matrix">',
    `<thead><tr><th class="corner">server \\ client</th>${head}</tr></thead>`,
    `<tbody>${rows.join("\n")}</tbody></table></div></section>`,
  ].join("\n");
}

function cellContent(cell: Cell): string {
  const groups = ORDER.map((outcome) => {
    const chips = cell.cases
      .filter((one) => one.kind === "test" && one.outcome === outcome)
      .map((one) => chip(cell, one));
    return chips.length === 0 ? "" : `<div class="chips">${chips.join("")}</div>`;
  }).join("");
  if (groups === "") return "";
  const tests = cell.cases.filter((one) => one.kind === "test");
  const count = (key: "runs" | "succeeded" | "unsupported") =>
    tests.reduce((total, one) => total + one[key], 0);
  const counts = `${count("succeeded")}/${count("runs") - count("unsupported")} runs`;
  return `${groups}<a class="counts" href="#${pairId(cell)}">${counts}</a>`;
}

function chip(cell: Cell, one: CaseTally): string {
  const hint = [one.name, `${one.succeeded}/${one.runs}`, ...one.reasons].join("\n");
  const text = escaped(countText(one));
  const href = `#${pairId(cell)}-${one.name}`;
  const kind = `chip ${one.outcome}`;
  return `<a class="${kind}" href="${href}" title="${escaped(hint)}">${text}</a>`;
}

function measurementSection(cells: readonly Cell[]): string {
  const rows = cells.flatMap((cell) =>
    cell.cases
      .filter((one) => one.kind === "measurement" && one.succeeded + one.failed > 0)
      .map((one) => measurementRow(cell, one)),
  );
  if (rows.length === 0) return "";
  return [
    '<section><h2>Measurements</h2><p class="legend">Mean and standard deviation; the bar is the',
    'share of the link of 10 Mbit/s.</p><div class="scroll"><table class="list measurements">',
    "<thead><tr><th>server</th><th>client</th><th>what</th><th>rate</th><th>runs</th></tr>",
    `</thead><tbody>${rows.join("\n")}</tbody></table></div></section>`,
  ].join("\n");
}

function measurementRow({ server, client }: Cell, one: CaseTally): string {
  const mean = one.kbitPerSecond.reduce((sum, rate) => sum + rate, 0) / one.kbitPerSecond.length;
  const bar = `<meter min="0" max="${LINK_KBPS}" value="${mean.toFixed(0)}"></meter>`;
  const rate =
    one.outcome === "succeeded" ? `${bar} ${rateText(one.kbitPerSecond)}` : `${one.outcome}`;
  const columns = [
    ...[escaped(server), escaped(client), one.name],
    ...[`<span class="${one.outcome}">${rate}</span>`, `${one.succeeded}/${one.runs}`],
  ];
  return `<tr>${columns.map((text) => `<td>${text}</td>`).join("")}</tr>`;
}

function pairSection({ quicd, log_dir }: Results): string {
  const pairs = quicd.cells.map((cell) => {
    const failed = cell.cases.some((one) => one.outcome === "failed");
    const rows = ["failed", "unsupported", "succeeded"].flatMap((outcome) =>
      cell.cases.filter((one) => one.outcome === outcome).map((one) => caseRow(cell, one, log_dir)),
    );
    return [
      `<details id="${pairId(cell)}"${failed ? " open" : ""}>`,
      `<summary>${escaped(cell.server)} &larr; ${escaped(cell.client)}</summary>`,
      '<div class="scroll"><table class="list"><thead><tr><th>case</th><th>runs</th>',
      "<th>seconds</th><th>what happened</th></tr></thead>",
      `<tbody>${rows.join("\n")}</tbody></table></div></details>`,
    ].join("\n");
  });
  const { endpoints } = quicd;
  const who = Object.entries(endpoints).map(
    ([name, about]) => `<dt>${escaped(name)}</dt><dd>${escaped(about)}</dd>`,
  );
  return [
    "<section><h2>Pairs</h2>",
    `<dl class="endpoints">${who.join("")}</dl>`,
    ...pairs,
    "</section>",
  ].join("\n");
}

function caseRow(cell: Cell, one: CaseTally, logs: string): string {
  const folders = one.folders.map((path) => {
    const href = path.split("/").map(encodeURIComponent).join("/");
    return `<a href="${href}/">${escaped(path.replace(`${logs}/`, ""))}</a>`;
  });
  const said = [
    ...one.reasons.map((text) => `<p>${escaped(text)}</p>`),
    ...(folders.length === 0 ? [] : [`<p class="folders">kept: ${folders.join(", ")}</p>`]),
  ].join("");
  const rate = one.kind === "measurement" && one.outcome === "succeeded";
  const text = said || (rate ? rateText(one.kbitPerSecond) : "");
  const runs = `<span class="badge ${one.outcome}">${one.succeeded}/${one.runs}</span>`;
  return (
    `<tr id="${pairId(cell)}-${one.name}">` +
    `<td><b>${escaped(one.abbreviation)}</b> ${escaped(one.name)}</td>` +
    `<td>${runs}</td><td>${secondsText(one.seconds)}</td><td>${text}</td></tr>`
  );
}

/** "2.1 to 3.4": of the quickest and the slowest run. */
function secondsText(seconds: readonly number[]): string {
  const [slowest = 0] = seconds;
  const quickest = seconds.at(-1) ?? 0;
  const [from, to] = [quickest.toFixed(1), slowest.toFixed(1)];
  return from === to ? to : `${from} to ${to}`;
}

function caseSection({ tests }: Results): string {
  const rows = Object.entries(tests).map(
    ([abbreviation, { name, desc }]) =>
      `<tr><td><b>${escaped(abbreviation)}</b></td><td>${escaped(name)}</td>` +
      `<td>${escaped(desc)}</td></tr>`,
  );
  return [
    '<section><h2>Cases</h2><div class="scroll"><table class="list"><tbody>',
    ...rows,
    "</tbody></table></div></section>",
  ].join("\n");
}

function pairId({ server, client }: Cell): string {
  return escaped(`pair-${server}-${client}`.replaceAll(/[^\w.-]/g, "_"));
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ").concat(" UTC");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
