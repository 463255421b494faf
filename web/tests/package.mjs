// The package in node: texts, sessions, states, faults, the worker: package.mjs PACKAGE ATOME

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, atome] = process.argv.slice(2);
const url = (name) => pathToFileURL(path.resolve(folder, name));
const { builds, connect, load, Model } = await import(url("index.mjs"));
const { Ends } = await import(url("ends.mjs"));
const { Engine } = await import(url("engine.mjs"));
const { fill } = await import(url("source.mjs"));
const file = new URL("../../runtime/default.safetensors", import.meta.url).pathname;
const bytes = readFileSync(file);
const PROMPT = "And the king said";
const told = (...more) =>
  execFileSync(atome, ["run", file, "-p", PROMPT, "--quiet", ...more]).toString().replace(/\n$/, "");

for (const build of builds()) {
  // Every kind of source gives the same model.
  const sources = [file, pathToFileURL(file), pathToFileURL(file).href, bytes,
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    new Blob([bytes]), new Response(bytes), new Response(bytes, { headers: { "content-length": String(bytes.length) } })];
  const seen = [];
  for (const source of sources) {
    const steps = [];
    const model = await load(source, { build, progress: (done, all) => steps.push([done, all]) });
    assert.deepEqual(steps.at(-1), [bytes.length, bytes.length]);
    const session = model.session();
    session.prefill(model.encode(PROMPT));
    seen.push(Buffer.from(session.logits().buffer).toString("hex"));
    assert.throws(() => model.session(), /session/, "there is room for one");
    session.close();
    model.session().close();
    model.close();
    model.close();
    assert.throws(() => model.session(), /closed/);
  }
  assert.equal(new Set(seen).size, 1);

  const model = await load(bytes, { build, sessions: 2 });
  // Texts of the command, by greed and by seeds.
  const write = (settings) => {
    const session = model.session();
    session.prefill(model.encode(PROMPT));
    const pieces = [...session.generate(settings)];
    session.close();
    return PROMPT + pieces.map((piece) => piece.text).join("");
  };
  assert.equal(write({ n: 80, temperature: 0 }), told("-n", "80", "--greedy"));
  for (const seed of [0, 7, 2n ** 64n - 1n]) {
    assert.equal(write({ n: 80, seed }), told("-n", "80", "--seed", String(seed)), `seed ${seed}`);
  }
  const hot = ["--temperature", "1.5", "--top-k", "0", "--top-p", "0.9", "--min-p", "0.01"];
  assert.equal(write({ n: 80, temperature: 1.5, topK: 0, topP: 0.9, minP: 0.01 }), told("-n", "80", ...hot));
  for (const topK of [256, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 1]) {
    assert.equal(write({ n: 80, temperature: 1.5, topK, topP: 0.9, minP: 0.01 }), told("-n", "80", ...hot), `top-k ${topK}`);
  }
  assert.deepEqual(write({ n: 0 }), PROMPT);
  // An option that is not defined is not given.
  assert.equal(write({ n: 40, temperature: undefined, topP: undefined, seed: undefined }), write({ n: 40 }));

  // States and forks go on as their session does.
  const session = model.session();
  session.prefill(model.encode(PROMPT));
  const state = session.save();
  assert.equal(state.length, model.about.stateBytes);
  const fork = session.fork();
  session.step(101);
  fork.step(101);
  assert.deepEqual(fork.logits(), session.logits());
  fork.restore(state);
  assert.equal(fork.position, PROMPT.length);
  fork.step(101);
  assert.deepEqual(fork.logits(), session.logits());
  const most = session.logits().reduce((best, x, i, all) => (x > all[best] ? i : best), 0);
  assert.equal(session.argmax(), most);
  for (const text of ["né 🌍", "\ufeffa"]) {
    assert.equal(model.decode(model.encode(text)), text);
    assert.deepEqual(model.encode(new TextEncoder().encode(text).buffer), model.encode(text));
  }
  fork.restore(state.buffer.slice(state.byteOffset, state.byteOffset + state.byteLength));
  assert.equal(fork.position, PROMPT.length);

  // Faults are one line each, and nothing has changed.
  const line = (call, words) => assert.throws(call, (fault) => words.test(fault.message) && !fault.message.includes("\n"));
  line(() => session.prefill([]), /token/);
  line(() => session.step(256), /256/);
  const sampler = model.sampler();
  for (const wrong of [1.5, -1, 2 ** 32 + 7, NaN, undefined, null, "1", 1n]) {
    const calls = [
      () => session.step(wrong), () => session.prefill([1, wrong]), () => sampler.saw([wrong]),
      () => model.bytes(wrong), () => model.decode([101, wrong]),
    ];
    for (const call of calls) line(call, new RegExp(`^${wrong} is no token id, expected`));
  }
  // Holes.
  line(() => session.prefill([1, , 2]), /undefined is no token/);
  line(() => sampler.saw({ length: 1 }), /undefined is no token/);
  sampler.close();
  line(() => fork.restore(state.slice(1)), /state/);
  const damaged = state.slice();
  damaged[100] ^= 1;
  line(() => fork.restore(damaged), /./);
  line(() => model.sampler({ temperature: -1 }), /temperature/);
  line(() => model.sampler({ topP: 2 }), /top-p/);
  line(() => [...session.generate({ n: -1 })], /n is -1/);
  line(() => [...session.generate({ n: 2 ** 31 })], /n is 2147483648, expected a whole number from 0 to 2147483647/);
  line(() => model.sampler({ topK: 1.5 }), /topK is 1.5, expected a whole number from 0 to 9007199254740991/);
  line(() => model.sampler({ temperature: null }), /^temperature is null, expected a number/);
  line(() => model.sampler({ topP: "0.5" }), /^topP is 0.5, expected a number/);
  line(() => model.sampler({ tempreature: 1 }), /^there is no setting tempreature, expected one of temperature/);
  line(() => model.encode([104, 105]), /^the text is object, expected an ArrayBuffer/);
  line(() => session.restore("state"), /^the state is string, expected an ArrayBuffer/);
  line(() => session.prefill(5), /^5 is no list of token ids/);
  for (const seed of [-1, -1n, 1.5, 2 ** 53, 2n ** 64n, NaN, null, "7"]) {
    line(() => model.sampler({ seed }), new RegExp(`^seed is ${seed}, expected a whole number from 0 to 2`));
  }
  line(() => session.classify([1]), /classes/);
  const other = (await load(bytes, { build })).sampler();
  for (const wrong of [undefined, {}, session]) line(() => other.sample(wrong), /a session of its own model/);
  line(() => [...session.generate({ sampler: other })], /a session of its own model/);
  assert.equal(session.position, PROMPT.length + 1);

  const rejected = (source, options, words) =>
    assert.rejects(load(source, { build, ...options }), (fault) => words.test(fault.message) && !fault.message.includes("\n"));
  await rejected(new Uint8Array(), {}, /./);
  await rejected(Buffer.from("not a model"), {}, /./);
  for (let cut = 1; cut < bytes.length; cut += Math.ceil(bytes.length / 40)) await rejected(bytes.subarray(0, cut), {}, /./);
  await rejected(bytes, { config: "{" }, /./);
  await rejected(bytes, { sessions: 0 }, /sessions is 0/);
  await rejected(new Response(bytes, { headers: { "content-length": "5" } }), {}, /more than the 5 bytes/);
  await rejected(new Response(bytes, { headers: { "content-length": "500000" } }), {}, /of 500000 bytes/);
  // Not the size of what would be left of these numbers in 32 bits.
  for (const size of [2 ** 31, 2 ** 32 + bytes.length, 2 ** 53, -1, "1e400", "many"]) {
    const large = new Response(bytes, { headers: { "content-length": String(size) } });
    await rejected(large, {}, new RegExp(`has ${Number(size)} bytes, expected .* at most 2147483647`));
  }
  await rejected(new Response("", { status: 404 }), {}, /404/);
  await rejected(new Response("", { status: 404 }), {}, /^the model's response answers 404/);
  await rejected("/there/is/no/model", {}, /model/);
  await rejected(folder, {}, /expected a file, found something else/);
  await rejected(path.resolve(folder, "package.json"), {}, /package\.json: /);
  await rejected(7, {}, /a model comes from/);

  // What the bytes of a file were in is freed, whether they did not come, were no model, or were one: what one round of these
  // takes of a module's memory is enough for ten more.
  const engine = await Engine.start({ build });
  const open = (handle) => engine.make("model_open", handle, 0, 0, 1, 0);
  const round = async () => {
    const short = new Response(bytes, { headers: { "content-length": String(bytes.length + 1) } });
    await assert.rejects(fill(engine, short), /the model ends after/);
    for (let cut = 1; cut < bytes.length; cut += Math.ceil(bytes.length / 10)) {
      const handle = await fill(engine, bytes.subarray(0, cut));
      assert.throws(() => open(handle), /./);
    }
    new Model(engine, open(await fill(engine, bytes))).close();
  };
  await round();
  const taken = engine.bytes;
  for (let left = 10; left > 0; left -= 1) await round();
  assert.equal(engine.bytes, taken);
}
await assert.rejects(load(bytes, { build: "mmx" }), /there is no build "mmx"/);

// A handle beyond all memory ends a module, as a panic would: calls say so, and what it had can be closed.
const NOWHERE = 0xffff_fff0;
const engine = await Engine.start();
const broken = new Model(engine, engine.make("model_open", await fill(engine, bytes), 0, 0, 1, 0));
const opened = [broken.session(), broken.sampler(), broken];
assert.throws(() => engine.call("session_position", NOWHERE), /the module has ended/);
assert.throws(() => opened[0].step(1), /the module has ended/);
for (const each of opened) each.close();
assert.throws(() => opened[0].step(1), /the session is closed/);

// In a worker whose first session ends its module another model can be loaded, and it can be closed.
const { Worker } = await import("node:worker_threads");
const trapped = await connect(new Worker(`
  import("${url("engine.mjs")}").then(({ Engine }) => {
    const call = Engine.prototype.call;
    Engine.prototype.call = function (name, ...given) {
      if (name !== "session_prefill") return call.call(this, name, ...given);
      Engine.prototype.call = call;
      return this.call(name, ${NOWHERE}, ...given.slice(1));
    };
    return import("${url("worker.mjs")}");
  });
`, { eval: true }));
for (let run = 0; run < 2; run += 1) {
  await trapped.load(bytes);
  const said = trapped.generate(PROMPT, { n: 1, temperature: 0 });
  if (run) assert.equal((await said).written, 1);
  else await assert.rejects(said, /the module has ended/);
}
await trapped.close();
await assert.rejects(trapped.generate(PROMPT), /the worker is closed/);
await trapped.close();

// One whose thread ends says so, and leaves nobody waiting.
const gone = await connect(new Worker(`
  import("${url("worker.mjs")}").then(() => setTimeout(() => { throw new Error("a fault of the thread"); }, 100));
`, { eval: true }));
await gone.load(bytes);
await assert.rejects(gone.generate(PROMPT, { n: 10_000_000 }), /the worker has ended: a fault of the thread/);
await assert.rejects(gone.generate(PROMPT), /the worker has ended/);
await gone.close();

// As does one whose thread leaves.
const left = await connect(new Worker(`
  import("${url("worker.mjs")}").then(() => setTimeout(() => process.exit(3), 100));
`, { eval: true }));
await left.load(bytes);
await assert.rejects(left.generate(PROMPT, { n: 10_000_000 }), /the worker has ended: its thread left with 3/);
await left.close();

// Closing waits for nothing that is being written.
const closing = await connect();
await closing.load(bytes);
const endless = closing.generate(PROMPT, { n: 1_000_000_000 });
await closing.close();
assert.equal((await endless).why, "stopped");

// In a worker.
const remote = await connect();
await assert.rejects(remote.generate(PROMPT), /there is no model/);
await assert.rejects(remote.load(new Blob(["no model"])), /./);
const { about } = await remote.load(new Blob([bytes]));
assert.equal(about.vocab, 256);
// Whatever names a file, the module's too, and a line where something cannot be sent.
const wasm = url(`${builds()[0]}.wasm`);
await assert.rejects(remote.load(bytes, { wasm: new URL("none.wasm", wasm) }), /none\.wasm/);
for (const options of [{}, { wasm }, { wasm: wasm.href }, { wasm: `${builds()[0]}.wasm` }]) {
  for (const source of [file, path.relative("", file), pathToFileURL(file), pathToFileURL(file).href, bytes]) {
    assert.equal((await remote.load(source, options)).about.vocab, 256);
  }
}
await assert.rejects(remote.load(Promise.resolve(bytes)), /"load" with what no worker can be sent: /);
await assert.rejects(remote.generate(PROMPT, { stop: [() => {
}] }), /^TypeError: [^\n]*be sent: [^\n]*$/);
let text = PROMPT;
const more = (part) => { text += part.text ?? ""; };
const done = await remote.generate(PROMPT, { n: 300, seed: 7, more });
assert.equal(text + done.text, told("-n", "300", "--seed", "7"));
assert.deepEqual([done.why, done.written, done.read], ["length", 300, PROMPT.length]);
// Nobody who does not listen loses what was told.
const whole = await remote.generate(PROMPT, { n: 300, seed: 7 });
assert.equal(PROMPT + whole.text, told("-n", "300", "--seed", "7"));
assert.equal(whole.tokens.length, 300);
await assert.rejects(remote.generate(PROMPT, { more: () => { throw new Error("a fault of who listens"); } }), /a fault of who listens/);
await assert.rejects(remote.generate(PROMPT, { n: -1 }), /n is -1/);
// Greed goes on where it stopped.
const greedy = { temperature: 0, more };
text = PROMPT;
const half = await remote.generate(PROMPT, { n: 50, ...greedy });
text += half.text;
const rest = await remote.generate("", { n: 50, goOn: true, ...greedy });
text += rest.text;
assert.equal(text, told("-n", "100", "--greedy"));
// What is stopped before it begins leaves what was written to be gone on from.
text = PROMPT;
const long = remote.generate(PROMPT, { n: 950, ...greedy });
const never = remote.generate("", { n: 50, goOn: true, signal: AbortSignal.abort(), ...greedy });
const first = await long;
text += first.text;
const { why, written, read } = await never;
assert.deepEqual([why, written, read], ["stopped", 0, 0]);
const second = await remote.generate("", { n: 50, goOn: true, ...greedy });
text += second.text;
assert.equal(text, told("-n", "1000", "--greedy"));
const halt = new AbortController();
setTimeout(() => halt.abort(), 200);
const stopped = await remote.generate(PROMPT, { n: 10_000_000, signal: halt.signal });
assert.equal(stopped.why, "stopped");
text = "";
const ended = await remote.generate(PROMPT, { n: 300, seed: 7, stop: ["the"], more });
assert.equal(ended.why, "text");
const all = told("-n", "300", "--seed", "7").slice(PROMPT.length);
assert.equal(text + ended.text, all.slice(0, all.indexOf("the")));
await assert.rejects(remote.classify("hello"), /classes/);
await remote.close();

// Texts that end an answer, however they are cut.
for (const cut of [1, 2, 3, 100]) {
  const ends = new Ends(["abc", "bd", ""]);
  let said = "";
  const whole = "ababab dabd";
  for (let at = 0; at < whole.length && !ends.isMet; at += cut) said += ends.push(whole.slice(at, at + cut));
  assert.deepEqual([said + ends.rest(), ends.isMet], ["ababab da", true]);
}
console.log(`the package does what it should, by ${builds().join(" and ")}`);
