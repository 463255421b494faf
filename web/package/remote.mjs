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
      if (message.more) return asked.more(message.more);
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

  #ask(ask, given, more = () => {}, signal) {
    if (this.#ended) return Promise.reject(this.#ended);
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
    try {
      if (!this.#ended) await this.#ask("close", {});
    } finally {
      this.#end("the worker is closed");
      await this.#worker.terminate();
    }
  }
}
