// A model in a worker, as a page sees it.

/** A worker of this package; `worker` where it is made by somebody else. */
export async function connect(worker) {
  worker ??= await start();
  const remote = new Remote(worker);
  await remote.ready;
  return remote;
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

  constructor(worker) {
    this.#worker = worker;
    let begun;
    this.ready = new Promise((resolve, reject) => { begun = { resolve, reject }; });
    const hear = (message) => {
      if (message.ready) return begun.resolve();
      const asked = this.#waiting.get(message.id);
      if (!asked) return;
      if (message.more) return asked.more(message.more);
      this.#waiting.delete(message.id);
      if (message.fault !== undefined) asked.reject(new Error(message.fault));
      else asked.resolve(message.done);
    };
    const fail = (fault) => {
      const error = new Error(`the worker has ended: ${fault.message ?? fault}`);
      begun.reject(error);
      for (const asked of this.#waiting.values()) asked.reject(error);
      this.#waiting.clear();
    };
    if (worker.on) {
      worker.on("message", hear);
      worker.on("error", fail);
    } else {
      worker.onmessage = (event) => hear(event.data);
      worker.onerror = (event) => fail(event);
    }
  }

  #ask(ask, given, more = () => {}, signal) {
    const id = (this.#last += 1);
    const stop = () => this.#worker.postMessage({ halt: id });
    const asked = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, more }));
    this.#worker.postMessage({ id, ask, ...given });
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    return asked.finally(() => signal?.removeEventListener("abort", stop));
  }

  load(source, { progress, ...options } = {}) {
    const given = source instanceof URL ? source.href : source;
    return this.#ask("load", { source: given, options }, (more) => progress?.(more.done, more.all));
  }

  generate(prompt, { more, signal, ...settings } = {}) {
    return this.#ask("generate", { prompt, ...settings }, more, signal);
  }

  classify(given) {
    return this.#ask("classify", typeof given === "string" ? { text: given } : { tokens: given });
  }

  async close() {
    await this.#ask("close", {});
    await this.#worker.terminate();
  }
}
