// Models of atome: load, text to tokens, sessions, text. `index.d.ts` says what each takes and gives.

import { Engine } from "./engine.mjs";
import { decoder, id, ids, octets, sampling, utf8, whole } from "./given.mjs";
import { fill } from "./source.mjs";

export { builds } from "./engine.mjs";
export { connect } from "./remote.mjs";

/** The bytes of JSON. */
function configBytes(config) {
  if (config === undefined || config === null) return new Uint8Array();
  if (typeof config === "string") return utf8(config);
  const isBytes = config instanceof ArrayBuffer || ArrayBuffer.isView(config);
  return isBytes ? octets("config", config) : utf8(JSON.stringify(config));
}

export async function load(source, { config, sessions = 1, context = 0, build, wasm, signal, progress } = {}) {
  whole("sessions", sessions, 1);
  whole("context", context, 0);
  const engine = await Engine.start({ build, wasm });
  try {
    const bytes = await fill(engine, source, { signal, progress });
    const handle = engine.lend(configBytes(config), (at, length) =>
      engine.make("model_open", bytes, at, length, sessions, context),
    );
    return new Model(engine, handle);
  } catch (fault) {
    const place = source instanceof Response ? source.url : source;
    const isNamed = (typeof place === "string" && place !== "") || place instanceof URL;
    if (!isNamed || fault.name === "AbortError" || fault.message.includes(String(place))) throw fault;
    throw new Error(`${place}: ${fault.message}`, { cause: fault });
  }
}

export class Model {
  #engine;
  #handle;

  constructor(engine, handle) {
    this.#engine = engine;
    this.#handle = handle;
    const about = new TextDecoder().decode(engine.ask("model_about", handle));
    this.about = Object.freeze(JSON.parse(about));
  }

  get #open() {
    if (!this.#handle) throw new Error("the model is closed");
    return this.#handle;
  }

  get memoryBytes() {
    return this.#engine.bytes;
  }

  session() {
    return new Session(this.#engine, this, this.#engine.make("session_open", this.#open));
  }

  sampler(settings = {}) {
    const given = sampling(settings, this.about.sampling, this.about.vocab);
    return new Sampler(this.#engine, this, this.#engine.make("sampler_open", this.#open, ...given));
  }

  #speaks() {
    if (!this.about.text) throw new Error(this.about.noText);
  }

  encode(text, { starts = true } = {}) {
    this.#speaks();
    const given = typeof text === "string" ? utf8(text) : octets("the text", text);
    const found = this.#engine.lend(given, (at, length) =>
      this.#engine.ask("text_encode", this.#open, at, length, starts ? 1 : 0),
    );
    return new Uint32Array(found.buffer);
  }

  bytes(token) {
    this.#speaks();
    return this.#engine.ask("text_bytes", this.#open, id(token));
  }

  decode(tokens) {
    const characters = decoder();
    let text = "";
    for (const token of tokens) text += characters.decode(this.bytes(token), { stream: true });
    return text + characters.decode();
  }

  close() {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle) this.#engine.free("model_close", handle);
  }
}

export class Session {
  #engine;
  #handle;

  constructor(engine, model, handle) {
    this.#engine = engine;
    this.#handle = handle;
    this.model = model;
  }

  get handle() {
    if (!this.#handle) throw new Error("the session is closed");
    return this.#handle;
  }

  get position() {
    return this.#engine.call("session_position", this.handle);
  }

  step(token) {
    this.#engine.act("session_step", this.handle, id(token));
  }

  prefill(tokens) {
    const given = ids(tokens);
    this.#engine.lend(given, (at) => this.#engine.act("session_prefill", this.handle, at, given.length));
  }

  logits() {
    const at = this.#engine.call("session_logits", this.handle);
    const count = this.#engine.call("session_logits_len", this.handle);
    return new Float32Array(this.#engine.view(at, 4 * count).slice().buffer);
  }

  argmax() {
    return this.#engine.call("session_argmax", this.handle) >>> 0;
  }

  classify(tokens) {
    if (this.model.about.classes === null) throw new Error("the model has no classes");
    const given = ids(tokens);
    const { vocab } = this.model.about;
    const wrong = given.find((token) => token >= vocab);
    if (wrong !== undefined) throw new RangeError(`token id ${wrong} is not below the vocabulary size ${vocab}`);
    if (!given.length) throw new RangeError("there are no tokens to classify");
    this.reset();
    this.prefill(given);
    return this.argmax();
  }

  fork() {
    return new Session(this.#engine, this.model, this.#engine.make("session_fork", this.handle));
  }

  reset() {
    this.#engine.call("session_reset", this.handle);
  }

  save() {
    return this.#engine.ask("session_save", this.handle);
  }

  restore(state) {
    this.#engine.lend(octets("the state", state), (at, length) => this.#engine.act("session_restore", this.handle, at, length));
  }

  /** The tokens that continue the session, each with its text as far as characters are whole. */
  *generate({ n = 100, sampler, ends = true, ...settings } = {}) {
    const own = sampler ?? this.model.sampler(settings);
    const speaks = this.model.about.text;
    const stops = new Set(ends ? this.model.about.ends : []);
    const characters = decoder();
    try {
      for (let left = whole("n", n, 0); left > 0; left -= 1) {
        const token = own.sample(this);
        if (stops.has(token)) return;
        const bytes = speaks ? this.model.bytes(token) : new Uint8Array();
        yield { token, text: characters.decode(bytes, { stream: true }) };
        // Nobody asks what follows the last token.
        if (left > 1) this.step(token);
      }
    } finally {
      if (!sampler) own.close();
    }
  }

  close() {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle) this.#engine.free("session_close", handle);
  }
}

export class Sampler {
  #engine;
  #handle;

  constructor(engine, model, handle) {
    this.#engine = engine;
    this.#handle = handle;
    this.model = model;
  }

  get #open() {
    if (!this.#handle) throw new Error("the sampler is closed");
    return this.#handle;
  }

  saw(tokens) {
    for (const token of ids(tokens)) this.#engine.call("sampler_saw", this.#open, token);
  }

  sample(session) {
    // A handle of another model is an address in another memory.
    if (!(session instanceof Session) || session.model !== this.model) {
      throw new TypeError("a sampler takes a session of its own model, found something else");
    }
    return this.#engine.call("sampler_sample", this.#open, session.handle) >>> 0;
  }

  close() {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle) this.#engine.free("sampler_close", handle);
  }
}
