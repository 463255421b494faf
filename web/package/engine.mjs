// The WebAssembly module: which of its builds an engine runs, its memory, and its calls.

const FOLDER = new URL(".", import.meta.url);

/** The builds, the best first, each with the smallest module that an engine has to take to run it. */
const BUILDS = [
  // i32x4.relaxed_dot_i8x16_i7x16_add_s of three splats
  ["relaxed-simd", [65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 147, 2]],
  ["simd128", [65, 0, 253, 15]],
];

function probe(code) {
  const type = [1, 5, 1, 96, 0, 1, 123];
  const body = [10, code.length + 4, 1, code.length + 2, 0, ...code, 11];
  return Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...type, 3, 2, 1, 0, ...body);
}

/** The builds that this engine runs, the best first. */
export function builds() {
  return BUILDS.filter(([, code]) => WebAssembly.validate(probe(code))).map(([name]) => name);
}

/** Bytes that one piece of the module's memory has at most. A greater number would lose its upper bits in a call. */
const MOST_BYTES = 0x7fff_ffff;

const compiled = new Map();

/** A compiled build; `build` is a name of `builds()`, `wasm` where its file is instead. */
function compile(build, wasm) {
  const url = wasm === undefined ? new URL(`${build}.wasm`, FOLDER) : new URL(wasm, FOLDER);
  let made = compiled.get(url.href);
  if (!made) {
    made = read(url).then((bytes) => WebAssembly.compile(bytes));
    made.catch(() => compiled.delete(url.href));
    compiled.set(url.href, made);
  }
  return made;
}

async function read(url) {
  if (url.protocol === "file:") return (await import("node:fs/promises")).readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.arrayBuffer();
}

/** An instance of the module with a memory of its own. */
export class Engine {
  #exports;
  #ended = null;

  static async start({ build, wasm } = {}) {
    const runs = builds();
    if (!runs.length) throw new Error("this engine does not run WebAssembly with SIMD");
    const known = BUILDS.map(([name]) => name);
    if (build !== undefined && !known.includes(build)) {
      throw new Error(`there is no build "${build}", expected ${known.join(" or ")}`);
    }
    if (build !== undefined && !runs.includes(build)) {
      throw new Error(`this engine does not run the build "${build}"`);
    }
    const module = await compile(build ?? runs[0], wasm);
    const instance = await WebAssembly.instantiate(module, {});
    return new Engine(instance.exports);
  }

  constructor(exports) {
    this.#exports = exports;
    this.call("prepare");
  }

  /** Calls a function of the module. What ends the module ends it for good. */
  call(name, ...given) {
    if (this.#ended) throw new Error(this.#ended);
    try {
      return this.#exports[name](...given);
    } catch (trap) {
      const why = this.#exports.panicked() ? this.#text() : `no memory, or a fault: ${trap.message}`;
      this.#ended = `the module has ended: ${why}`;
      throw new Error(this.#ended, { cause: trap });
    }
  }

  /** A call that gives a handle. */
  make(name, ...given) {
    const handle = this.call(name, ...given) >>> 0;
    if (handle === 0) throw new Error(this.#text());
    return handle;
  }

  /** A call that gives a status. */
  act(name, ...given) {
    if (this.call(name, ...given) !== 0) throw new Error(this.#text());
  }

  /** A call that frees a handle, of which nothing is left where the module has ended. */
  free(name, handle) {
    if (!this.#ended) this.call(name, handle);
  }

  /** A call that gives bytes: a copy of them. */
  ask(name, ...given) {
    if (this.call(name, ...given) >>> 0 === 0xffff_ffff) throw new Error(this.#text());
    return this.#answer();
  }

  #answer() {
    const at = this.#exports.answer_at() >>> 0;
    return new Uint8Array(this.#exports.memory.buffer, at, this.#exports.answer_len()).slice();
  }

  #text() {
    return new TextDecoder().decode(this.#answer());
  }

  /** Bytes of memory that the module has. */
  get bytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** The bytes from an address on, until memory grows. */
  view(at, count) {
    return new Uint8Array(this.#exports.memory.buffer, at >>> 0, count);
  }

  /** A call that gives a handle of memory for so many bytes of something. */
  room(name, what, size) {
    if (!Number.isSafeInteger(size) || size < 0 || size > MOST_BYTES) {
      throw new RangeError(`${what} has ${size} bytes, expected a whole number of at most ${MOST_BYTES}`);
    }
    return this.make(name, size);
  }

  /** Lends a copy of bytes to a call. */
  lend(bytes, use) {
    const room = this.room("room_open", "what is given", bytes.byteLength);
    try {
      const at = this.call("room_at", room);
      this.view(at, bytes.byteLength).set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return use(at, bytes.byteLength);
    } finally {
      this.free("room_close", room);
    }
  }
}
