/** A page with 20 subresources of the usual kinds, to be loaded by a browser. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const IMAGES = 16;
/** Style sheet, script, data and a large file, which the script fetches. */
export const SUBRESOURCES = IMAGES + 4;
export const LARGE_BYTES = 2_000_000;

/** The title that the page's script sets once everything came. */
export const LOADED_TITLE = `${IMAGES} images, ${LARGE_BYTES} bytes, 3 rows`;

export function writePage(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(folder, name), content);
  const images = Array.from({ length: IMAGES }, (_, i) => `tile-${i}.svg`);
  images.forEach((name, i) => {
    write(
      name,
      `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96">
        <rect width="96" height="96" rx="12" fill="hsl(${(i * 360) / IMAGES} 70% 55%)"/>
        <text x="48" y="60" font-size="36" text-anchor="middle" fill="white">${i}</text></svg>`,
    );
  });
  write("style.css", "body { font: 20px sans-serif; background: #f4f1ea; } img { margin: 4px; }");
  write("data.json", JSON.stringify([1, 2, 3]));
  write("large.bin", new Uint8Array(LARGE_BYTES).fill(0x5a));
  // An icon inside the page: the browser would else ask for one, a 21st request.
  write(
    "index.html",
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>loading</title>
    <link rel="icon" href="data:,"><link rel="stylesheet" href="style.css"></head>
    <body><h1>Over HTTP/3</h1><p id="state">loading</p>
    <div>${images.map((name) => `<img src="${name}" alt="${name}">`).join("")}</div>
    <script src="app.js"></script></body></html>`,
  );
  write(
    "app.js",
    `addEventListener("load", async () => {
      const large = await (await fetch("large.bin")).arrayBuffer();
      const rows = await (await fetch("data.json")).json();
      const images = [...document.images].filter((image) => image.naturalWidth > 0).length;
      document.title = images + " images, " + large.byteLength + " bytes, " + rows.length + " rows";
      document.getElementById("state").textContent = document.title;
    });`,
  );
}
