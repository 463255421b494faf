// A model in a worker: answers what `remote.mjs` asks. Between tokens it listens, so that it can be stopped.

import { load } from "./index.mjs";
import { Ends } from "./ends.mjs";
import { decoder, whole } from "./given.mjs";

/** Milliseconds of work between two looks at what was asked meanwhile. */
const SLICE_MS = 25;
/** Tokens of a prompt that are read at once. */
const BLOCK = 32;

const port = typeof self === "undefined" ? (await import("node:worker_threads")).parentPort : self;
/** Lets messages come. A timer waits for milliseconds in a page, and a message is looked at before others in node. */
const breathe = typeof setImmediate === "function"
  ? () => new Promise((resolve) => setImmediate(resolve))
  : turns(new MessageChannel());

function turns(channel) {
  let turn = () => {};
  channel.port1.onmessage = () => turn();
  return () => new Promise((resolve) => {
    turn = resolve;
    channel.port2.postMessage(0);
  });
}

let model = null;
let session = null;
/** The last token that was chosen, where the session has not taken it in. */
let pending = [];
let characters = null;

function begin() {
  if (!model) throw new Error("there is no model");
  session ??= model.session();
}

const state = () => ({ memoryBytes: model.memoryBytes, position: session?.position ?? 0 });

/** Reads a prompt, a block after the other. */
async function read(tokens, { tell, isStopped }) {
  const start = performance.now();
  let at = 0;
  while (at < tokens.length && !isStopped()) {
    session.prefill(tokens.slice(at, at + BLOCK));
    pending = [];
    at = Math.min(at + BLOCK, tokens.length);
    tell({ read: at, all: tokens.length });
    await breathe();
  }
  return { read: at, readSeconds: (performance.now() - start) / 1000 };
}

/** Writes at most `n` tokens. */
async function write(sampler, { n, stop, ignoreEnds }, { tell, isStopped }) {
  const stops = new Set(ignoreEnds ? [] : model.about.ends);
  const ends = new Ends(stop);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  let [last, written, why] = [start, 0, "length"];
  let more = { tokens: [], text: "" };
  while (written < n) {
    if (isStopped()) {
      why = "stopped";
      break;
    }
    const token = sampler.sample(session);
    if (stops.has(token)) {
      why = "end";
      break;
    }
    written += 1;
    pending = [token];
    more.tokens.push(token);
    more.text += ends.push(model.about.text ? characters.decode(model.bytes(token), { stream: true }) : "");
    if (ends.isMet) {
      why = "text";
      break;
    }
    // Nobody asks what follows the last token.
    if (written < n) {
      session.step(token);
      pending = [];
    }
    if (performance.now() - last > SLICE_MS) {
      tell({ ...more, written, seconds: seconds(), ...state() });
      more = { tokens: [], text: "" };
      await breathe();
      last = performance.now();
    }
  }
  more.text += ends.rest();
  return { ...more, why, written, seconds: seconds() };
}

const work = {
  async load({ source, options }, { tell }) {
    work.close();
    model = await load(source, { ...options, progress: (done, all) => tell({ done, all }) });
    return { about: model.about, ...state() };
  },

  async generate({ prompt, goOn = false, n = 100, stop = [], ignoreEnds = false, ...choices }, hearing) {
    begin();
    whole("n", n, 0);
    if (!goOn) {
      session.reset();
      pending = [];
    }
    if (!goOn || !characters) characters = decoder();
    const starts = session.position === 0;
    const given = typeof prompt === "string" ? model.encode(prompt, { starts }) : prompt;
    const tokens = [...pending, ...given];
    if (starts && !tokens.length) throw new Error("the prompt is empty");
    const sampler = model.sampler(choices);
    try {
      sampler.saw(tokens);
      const reading = await read(tokens, hearing);
      const writing = await write(sampler, { n, stop, ignoreEnds }, hearing);
      return { ...reading, ...writing, ...state() };
    } finally {
      sampler.close();
    }
  },

  classify({ text, tokens }) {
    begin();
    const index = session.classify(tokens ?? model.encode(text));
    return { index, label: model.about.labels?.[index] ?? null, logits: session.logits(), ...state() };
  },

  close() {
    try {
      session?.close();
      model?.close();
    } finally {
      session = model = characters = null;
      pending = [];
    }
    return {};
  },
};

/** What was asked and is not answered, and what of it is to be stopped. */
const asked = new Set();
const stopped = new Set();
/** One after the other. */
let queue = Promise.resolve();

async function answer({ id, ask, ...given }) {
  const say = (message) => port.postMessage({ id, ...message });
  const hearing = { tell: (more) => say({ more }), isStopped: () => stopped.has(id) };
  try {
    if (!Object.hasOwn(work, ask)) throw new Error(`nobody can be asked to "${ask}"`);
    say({ done: await work[ask](given, hearing) });
  } catch (fault) {
    say({ fault: fault.message });
  } finally {
    asked.delete(id);
    stopped.delete(id);
  }
}

function hear(message) {
  if (message.halt !== undefined) {
    if (asked.has(message.halt)) stopped.add(message.halt);
    return;
  }
  asked.add(message.id);
  queue = queue.then(() => answer(message));
}

if (typeof self === "undefined") port.on("message", hear);
else port.onmessage = (event) => hear(event.data);
port.postMessage({ ready: true });
