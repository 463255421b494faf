// A model in a worker, as a page sees it.

/** A worker of this package; `worker` where it is made by somebody else. */
export async function connect(worker) {
  worker ??= await start();
  const remote = new Remote(worker);
  await remote.ready;
  return remote;
}

/** What names a file, as the worker takes it: a URL cannot be sent, and a relative one would be beside the worker. */
function named(file) {
  if (file instanceof URL) return file.href;
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return typeof file === "string" && base ? new URL(file, base).href : file;
}

async function start() {
  const url = new URL("./worker.mjs", import.meta.url);
  if (typeof Worker === "function") return new Worker(url, { type: "module" });
  const { Worker: Thread } = await import("node:worker_threads");
  return new Thread(url);
}

export class Remote {
  #worker;
  #waiting = new Map();
  #last = 0;
  /** Why nothing can be asked any more. */
  #ended = null;

  constructor(worker) {
    this.#worker = worker;
    let begun;
    this.ready = new Promise((resolve, reject) => { begun = { resolve, reject }; });
    const hear = (message) => {
      if (message.ready) return begun.resolve();
      const asked = this.#waiting.get(message.id);
      if (!asked) return;
      if (message.more) {
        try {
          return asked.more(message.more);
        } catch (fault) {
          // Whoever asked hears of it, and nothing more is done for them.
          worker.postMessage({ halt: message.id });
          this.#waiting.delete(message.id);
          return asked.reject(fault);
        }
      }
      this.#waiting.delete(message.id);
      if (message.fault !== undefined) asked.reject(new Error(message.fault));
      else asked.resolve(message.done);
    };
    const fail = (fault) => {
      this.#end(`the worker has ended: ${fault.message ?? fault}`);
      begun.reject(this.#ended);
    };
    if (worker.on) {
      worker.on("message", hear);
      worker.on("error", fail);
      worker.on("exit", (code) => fail(`its thread left with ${code}`));
    } else {
      worker.onmessage = (event) => hear(event.data);
      worker.onerror = (event) => fail(event);
    }
  }

  #end(why) {
    this.#ended ??= new Error(why);
    for (const asked of this.#waiting.values()) asked.reject(this.#ended);
    this.#waiting.clear();
  }

  async #ask(ask, given, more = () => {}, signal) {
    if (this.#ended) throw this.#ended;
    const id = (this.#last += 1);
    try {
      this.#worker.postMessage({ id, ask, ...given });
    } catch (cause) {
      // It may quote a function, of several lines.
      const why = cause.message.replaceAll(/\s+/g, " ");
      throw new TypeError(`"${ask}" with what no worker can be sent: ${why}`, { cause });
    }
    const asked = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, more }));
    const stop = () => this.#worker.postMessage({ halt: id });
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    return asked.finally(() => signal?.removeEventListener("abort", stop));
  }

  async load(source, { progress, ...options } = {}) {
    // Where the module is, is said from the package, here and there.
    if (options.wasm instanceof URL) options.wasm = options.wasm.href;
    return this.#ask("load", { source: named(source), options }, (more) => progress?.(more.done, more.all));
  }

  async generate(prompt, { more, signal, ...settings } = {}) {
    const given = { prompt, ...settings };
    if (more) return this.#ask("generate", given, more, signal);
    // Nobody hears of the parts: the whole comes at the end.
    const all = { tokens: [], text: "" };
    const keep = (part) => {
      all.tokens.push(...(part.tokens ?? []));
      all.text += part.text ?? "";
    };
    const done = await this.#ask("generate", given, keep, signal);
    return { ...done, tokens: [...all.tokens, ...done.tokens], text: all.text + done.text };
  }

  classify(given) {
    return this.#ask("classify", typeof given === "string" ? { text: given } : { tokens: given });
  }

  async close() {
    // What is being written stops at the next token.
    for (const id of this.#waiting.keys()) this.#worker.postMessage({ halt: id });
    try {
      if (!this.#ended) await this.#ask("close", {});
    } finally {
      this.#end("the worker is closed");
      await this.#worker.terminate();
    }
  }
}
