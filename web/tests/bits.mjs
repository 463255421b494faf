// Logits of the module against those of the command, bit for bit: bits.mjs PACKAGE ATOME [DATA]
// PACKAGE is the folder of the package, ATOME the command, DATA a folder of published models.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, atome, data] = process.argv.slice(2);
const { builds, load } = await import(pathToFileURL(path.resolve(folder, "index.mjs")));
const own = new URL("../../runtime/", import.meta.url).pathname;

/** Goldens of a file that are looked at. */
const EACH = Number(process.env.ATOME_GOLDENS ?? 2);
const work = mkdtempSync(path.join(tmpdir(), "atome-web-"));
process.on("exit", () => rmSync(work, { recursive: true }));

/** The model, its tokens, and the JSON of its dimensions where its file has none. */
function* cases() {
  const words = [...Buffer.from("And the king said, the sky was full of small birds")];
  yield [`${own}default.safetensors`, words];
  if (!data || !existsSync(data)) {
    console.log("skipped: there are no published models");
    return;
  }
  const goldens = (file) => {
    const read = JSON.parse(readFileSync(`${data}/${file}`));
    return (read.prompts ?? read).slice(0, EACH).map((record) => record.tokens);
  };
  const heads = ["agri", "anomaly", "motion", "os_telem", "sound_scene", "water"];
  const files = [
    ["atome/atome_944k.bin", "atome/golden_944k.json", "atome/atome_944k.json"],
    ["atome/atome_944k.atome02", "atome/golden_944k.json", "atome/atome_944k.json"],
    ...heads.map((head) => [`atome/${head}.atomecl`, `atome/golden_${head}.json`, "atome/atomecl.json"]),
    ...["tiny", "small"].map((name) => [`bitmamba2/${name}.bin`, `bitmamba2/golden_${name}.json`]),
    ...["bitnet_tq2", "qwen3_q2"].map((name) => [`dense/${name}.gguf`, `dense/golden_${name}.json`]),
    ...["pq2_hadamard", "q2_tied"].map((name) => [`qwen35/${name}.gguf`, `qwen35/golden_${name}.json`]),
  ];
  for (const [file, golden, config] of files) {
    for (const tokens of goldens(golden)) yield [`${data}/${file}`, tokens, config && `${data}/${config}`];
  }
  // Containers, whose weights stay where the file's bytes are.
  const packed = [
    ["bitmamba2/small.bin", "bitmamba2/golden_small.json", "int2"],
    ["bitmamba2/small.bin", "bitmamba2/golden_small.json", "base3"],
    ["hgrn_bit/tiny_f32", "hgrn_bit/golden_tiny_f32.json", "int2"],
  ];
  for (const [file, golden, packing] of packed) {
    const to = path.join(work, `${path.basename(file)}-${packing}.safetensors`);
    execFileSync(atome, ["pack", `${data}/${file}`, to, "--packing", packing, "--quiet"]);
    for (const tokens of goldens(golden)) yield [to, tokens];
  }
}

const bits = (x) => Buffer.from(Float32Array.from(x).buffer).toString("hex");

let compared = 0;
for (const [file, tokens, config] of cases()) {
  const extra = config ? ["--config", config] : [];
  const told = execFileSync(atome, ["logits", file, "--tokens", tokens.join(","), ...extra], { maxBuffer: 1 << 28 });
  const expected = bits(JSON.parse(told).logits);
  for (const build of builds()) {
    const model = await load(file, { build, config: config && readFileSync(config) });
    assert.equal(model.about.instructions, build);
    const session = model.session();
    session.prefill(tokens);
    const name = `${build}, ${file}, ${tokens.length} tokens`;
    assert.equal(bits(session.logits()), expected, `${name}: as a prompt`);
    session.reset();
    for (const token of tokens) session.step(token);
    assert.equal(bits(session.logits()), expected, `${name}: step by step`);
    compared += 2;
  }
}
console.log(`${compared} vectors of logits are those of ${atome}, by ${builds().join(" and ")}`);
