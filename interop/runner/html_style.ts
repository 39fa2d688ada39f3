/** How the page of html_matrix.ts looks: light and dark, wide and on a phone. */
export const MATRIX_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1c1d1f; --soft: #63666b; --line: #dcdedf;
  --ok: #12663a; --ok-paper: #dcf3e4; --bad: #a11a1a; --bad-paper: #fde2df;
  --off: #6a6d72; --off-paper: #eceded;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181a; --card: #1e2124; --ink: #e8e9ea; --soft: #a0a5ab; --line: #34383c;
    --ok: #8fe0b0; --ok-paper: #153c28; --bad: #ffb3aa; --bad-paper: #58201d;
    --off: #a2a7ad; --off-paper: #2c3034;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 88rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.5rem; margin: 0 0 .75rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
a { color: inherit; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem; }
.figure { padding: .4rem .8rem; border-radius: .5rem; }
.figure b { font-size: 1.35rem; font-variant-numeric: tabular-nums; margin-right: .2rem; }
.succeeded { color: var(--ok); } .failed { color: var(--bad); } .unsupported { color: var(--off); }
.figure.succeeded, .chip.succeeded, .badge.succeeded { background: var(--ok-paper); }
.figure.failed, .chip.failed, .badge.failed { background: var(--bad-paper); }
.figure.unsupported, .chip.unsupported, .badge.unsupported { background: var(--off-paper); }
.facts, .legend { color: var(--soft); margin: .5rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
.matrix { background: var(--card); width: 100%; }
.matrix th, .matrix td {
  border: 1px solid var(--line); padding: .5rem .6rem; text-align: left; vertical-align: top;
}
.matrix td { min-width: 9.5rem; }
.matrix th[scope=row] { white-space: nowrap; position: sticky; left: 0; background: var(--card); }
.corner { color: var(--soft); font-weight: normal; white-space: nowrap; }
.empty { background: repeating-linear-gradient(45deg, transparent 0 6px, var(--paper) 6px 12px); }
.chips { display: flex; flex-wrap: wrap; gap: .2rem; margin-bottom: .3rem; }
.chip {
  padding: 0 .38rem; border-radius: .3rem; font-size: .82rem; text-decoration: none;
  white-space: nowrap;
}
.chip.failed { font-weight: 600; }
.chip:hover, .chip:focus-visible { outline: 2px solid currentColor; }
.counts { color: var(--soft); font-size: .78rem; text-decoration: none; }
.counts:hover { text-decoration: underline; }
.list { background: var(--card); border: 1px solid var(--line); width: 100%; }
.list th, .list td {
  border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top;
}
.list th { color: var(--soft); font-weight: normal; font-size: .85rem; }
.list tr:last-child td { border-bottom: 0; }
.list td:first-child { white-space: nowrap; }
details .list td:nth-child(3) { white-space: nowrap; font-variant-numeric: tabular-nums; }
.list p { margin: 0; }
.folders { color: var(--soft); font-size: .85rem; }
.badge {
  border-radius: .3rem; padding: 0 .4rem; font-variant-numeric: tabular-nums; white-space: nowrap;
}
.measurements td { white-space: nowrap; font-variant-numeric: tabular-nums; }
meter { width: 8rem; vertical-align: middle; margin-right: .4rem; }
.endpoints { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
.endpoints dt { font-weight: 600; } .endpoints dd { margin: 0; color: var(--soft); }
details { margin: .4rem 0; } tr:target td { background: var(--off-paper); }
summary {
  cursor: pointer; padding: .3rem .5rem; border-radius: .3rem; font-weight: 600;
  background: var(--card); border: 1px solid var(--line);
}
details[open] summary { border-radius: .3rem .3rem 0 0; border-bottom: 0; }
@media (max-width: 45rem) {
  body { padding: 1rem; }
  .matrix, .matrix tbody, .matrix tr, .matrix th, .matrix td { display: block; width: 100%; }
  .matrix thead { display: none; }
  .matrix { background: none; }
  .matrix tr { margin-bottom: 1rem; border: 1px solid var(--line); background: var(--card); }
  .matrix th, .matrix td { border: 0; border-bottom: 1px solid var(--line); }
  .matrix th[scope=row] { position: static; font-size: 1.05rem; }
  .matrix th[scope=row]::before { content: "server "; color: var(--soft); font-weight: normal; }
  .matrix td.empty { display: none; }
  .matrix td::before {
    content: "client " attr(data-client); display: block; color: var(--soft); font-size: .85rem;
  }
  .endpoints { grid-template-columns: 1fr; } .endpoints dd { margin-bottom: .3rem; }
  .list td:first-child { white-space: normal; }
  .list th, .list td { padding: .3rem .4rem; }
  .list p { overflow-wrap: anywhere; }
  .measurements { font-size: .85rem; } meter { display: none; }
}
`;
