// Tokens a second of the module: speed.mjs PACKAGE MODEL [BUILD] [CONFIG]
// Prints a line of JSON: medians of so many runs, one thread.

import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file, build, config] = process.argv.slice(2);
const { load } = await import(pathToFileURL(path.resolve(folder, "index.mjs")));
const RUNS = 7;
const PROMPT = 512;
const STEPS = Number(process.env.ATOME_STEPS ?? 64);

const start = performance.now();
const model = await load(file, { build: build || undefined, config: config && readFileSync(config) });
const loadSeconds = (performance.now() - start) / 1000;
const session = model.session();
const tokens = Uint32Array.from({ length: PROMPT }, (_, i) => (i * 7919 + 13) % model.about.vocab);

function median(run) {
  // The engine compiles what is called often once more.
  for (let i = 0; i < 3; i += 1) run();
  const times = Array.from({ length: RUNS }, () => {
    const begun = performance.now();
    run();
    return (performance.now() - begun) / 1000;
  });
  return times.sort((a, b) => a - b)[RUNS >> 1];
}

const prefill = median(() => {
  session.reset();
  session.prefill(tokens);
});
const step = median(() => {
  for (let i = 0; i < STEPS; i += 1) session.step(tokens[i]);
});
const round = (x) => Number(x.toPrecision(4));
console.log(JSON.stringify({
  model: path.basename(file), build: model.about.instructions, node: process.version,
  load_s: round(loadSeconds), prefill_tok_s: round(PROMPT / prefill), step_tok_s: round(STEPS / step),
  memory_bytes: model.memoryBytes, model_bytes: model.about.modelBytes,
}));
