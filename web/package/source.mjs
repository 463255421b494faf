// Where the bytes of a model come from: into the module's memory as they arrive, once.

const isNode = typeof process === "object" && Boolean(process.versions?.node);

/** The bytes of a file, or a stream of them, and how many there are. */
async function open(source, signal) {
  if (source instanceof ArrayBuffer) return open(new Uint8Array(source));
  if (ArrayBuffer.isView(source)) {
    const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    return { size: bytes.length, bytes };
  }
  if (source instanceof Blob) return { size: source.size, stream: source.stream() };
  if (source instanceof Response) {
    if (!source.ok) throw new Error(`${source.url || "the model's response"} answers ${source.status}`);
    // Of a body that was compressed on the way the length is another one.
    const length = source.headers.has("content-encoding") ? null : source.headers.get("content-length");
    if (length !== null && source.body) return { size: Number(length), stream: source.body };
    return open(await source.arrayBuffer());
  }
  if (typeof source === "string" || source instanceof URL) {
    const isWeb = /^(https?|blob|data):/.test(String(source));
    if (isNode && !isWeb) return open(await file(source));
    return open(await fetch(source, { signal }));
  }
  throw new TypeError("a model comes from bytes, a Blob, a Response, a URL or, in node, a path");
}

/** A file of this machine, of which parts are read. */
async function file(name) {
  const path = String(name).startsWith("file:") ? new URL(name) : name;
  const fs = await import("node:fs");
  // Which says what is wrong with a path.
  await fs.promises.access(path, fs.constants.R_OK);
  if (!(await fs.promises.stat(path)).isFile()) throw new Error("expected a file, found something else");
  return fs.openAsBlob(path);
}

async function* parts(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Writes the bytes of a source to memory of the module; gives the handle of it.
 * `progress` is told how many bytes, of how many, are there.
 */
export async function fill(engine, source, { signal, progress } = {}) {
  const { size, bytes: all, stream } = await open(source, signal);
  let bytes = 0;
  try {
    bytes = engine.room("bytes_open", "the model", size);
    let at = 0;
    for await (const part of stream ? parts(stream) : [all]) {
      signal?.throwIfAborted();
      if (at + part.length > size) throw new Error(`the model has more than the ${size} bytes that were promised`);
      engine.view(engine.call("bytes_at", bytes) + at, part.length).set(part);
      at += part.length;
      progress?.(at, size);
    }
    if (at < size) throw new Error(`the model ends after ${at} of ${size} bytes`);
    return bytes;
  } catch (fault) {
    if (bytes) engine.free("bytes_close", bytes);
    // A body that nobody began to read would go on coming. One that is being read refuses this, and `parts` ends it.
    stream?.cancel().catch(() => {});
    throw fault;
  }
}
