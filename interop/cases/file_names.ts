/** Names for the files, endpoints and protocols of a run: readable, and never the same twice. */

const qualities =
  "amber ancient autumn bitter bold brave brief bright broad calm careful clever cold crisp " +
  "curious dapper deep eager early faint fair fancy fast fine firm fond free fresh gentle " +
  "golden grand green happy hasty hidden humble idle jolly keen kind large late lively lucky";
const colours =
  "almond apricot aqua azure beige black blue bronze brown copper coral crimson cyan ebony " +
  "fawn fuchsia gold gray hazel indigo ivory jade khaki lavender lemon lilac lime magenta " +
  "mauve mint navy ochre olive orange pearl pink plum purple red rose ruby rust sand silver teal";
const things =
  "anchor apple badger banjo beacon bridge candle canyon castle cedar cloud comet cricket " +
  "engine falcon feather fiddle forest garden glacier harbour hazelnut heron island kettle " +
  "lantern maple meadow mirror mountain ocean otter paper pebble pigeon rabbit river spider " +
  "spoon temple thunder tiger turtle valley walnut window";
const words = [qualities, colours, things].map((line) => line.split(" "));

/** Returns names like "calm-teal-otter"; each call gives another one. */
export function slugs(random: () => number): () => string {
  const used = new Set<string>();
  return () => {
    for (;;) {
      const name = words.map((list) => list[Math.floor(random() * list.length)]!).join("-");
      if (used.has(name)) continue;
      used.add(name);
      return name;
    }
  };
}

/** Lower-case letters. */
export function letters(random: () => number, count: number): string {
  let text = "";
  while (text.length < count) text += String.fromCharCode(97 + Math.floor(random() * 26));
  return text;
}
