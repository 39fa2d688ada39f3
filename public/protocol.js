/** Shows what the browser itself says about how this page and its files came. */

const NAMES = {
  h3: "HTTP/3",
  "h3-29": "HTTP/3",
  h2: "HTTP/2",
  "http/1.1": "HTTP/1.1",
};

/** "" where the browser does not tell, e.g. for a file out of its cache. */
function protocolName(entry) {
  const name = entry.nextHopProtocol;
  return NAMES[name] ?? name;
}

function cell(text, className = "") {
  const element = document.createElement("td");
  element.textContent = text;
  element.className = className;
  return element;
}

function row(entry) {
  const element = document.createElement("tr");
  const path = new URL(entry.name).pathname;
  element.append(
    cell(path === "/" ? "/ (this page)" : path),
    cell(protocolName(entry) || "from the cache"),
    cell(String(entry.decodedBodySize), "number"),
    cell(`${entry.duration.toFixed(1)} ms`, "number"),
  );
  return element;
}

function show() {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const name = protocolName(page);
  document.getElementById("protocol").textContent = name || "a protocol the browser does not tell";
  document.getElementById("hint").hidden = page.nextHopProtocol.startsWith("h3");
  document.getElementById("resources").replaceChildren(...[page, ...files].map(row));
}

/* The page's own entry is complete only after the load event has ended. */
addEventListener("load", () => setTimeout(show, 0));
