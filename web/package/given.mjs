// What callers give, as the module takes it, or one line that says what was expected.

/** A text is all of its bytes: a mark of their order at its beginning is a character of it. */
export function decoder() {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** The bytes of a buffer or of a view of one. */
export function octets(name, given) {
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  throw new TypeError(`${name} is ${given === null ? "null" : typeof given}, expected an ArrayBuffer or a view of one`);
}

export function whole(name, value, least, most = 0x7fff_ffff) {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} is ${String(value)}, expected a whole number from ${least} to ${most}`);
  }
  return value;
}

/** A token id. WebAssembly would take another number for what is none. */
export function id(token) {
  if (!Number.isInteger(token) || token < 0 || token > 0xffff_ffff) {
    throw new RangeError(`${String(token)} is no token id, expected a whole number from 0 to 4294967295`);
  }
  return token;
}

export function ids(tokens) {
  if (tokens instanceof Uint32Array) return tokens;
  if (typeof tokens !== "object" || tokens === null) {
    throw new TypeError(`${String(tokens)} is no list of token ids`);
  }
  return Uint32Array.from(tokens, id);
}

function seedBits(seed) {
  const isWhole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!isWhole || seed < 0 || seed >= 2n ** 64n) {
    throw new RangeError(`seed is ${String(seed)}, expected a whole number from 0 to 2^64 - 1, above 2^53 - 1 a BigInt`);
  }
  return BigInt(seed);
}

const SAMPLING = ["temperature", "topK", "topP", "minP", "repetitionPenalty", "seed"];

/** Settings of a sampler, in the order of the module's call; what is not given, or is undefined, is `usual`. */
export function sampling(given, usual, vocab) {
  const settings = { ...usual, seed: 0 };
  for (const [name, value] of Object.entries(given)) {
    if (!SAMPLING.includes(name)) throw new TypeError(`there is no setting ${name}, expected one of ${SAMPLING.join(", ")}`);
    if (value !== undefined) settings[name] = value;
  }
  const { topK, seed, ...numbers } = settings;
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== "number") throw new TypeError(`${name} is ${String(value)}, expected a number`);
  }
  // All of them are as many as there are, however many more a publisher states.
  const k = Math.min(whole("topK", topK, 0, Number.MAX_SAFE_INTEGER), vocab);
  return [numbers.temperature, k, numbers.topP, numbers.minP, numbers.repetitionPenalty, seedBits(seed)];
}
