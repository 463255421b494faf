/** What a model is, and what of it takes memory. */
export interface About {
  architecture: string;
  format: string;
  parameters: number;
  /** Number of token ids. */
  vocab: number;
  /** Classes of the head; null for a language model. */
  classes: number | null;
  /** Their names, where the file has them. */
  labels: string[] | null;
  /** Tokens that end what the model writes. */
  ends: number[];
  /** Whether it is known what text its tokens stand for. */
  text: boolean;
  /** Why not. */
  noText: string | null;
  /** The instructions of its kernels: `relaxed-simd` or `simd128`. */
  instructions: string;
  modelBytes: number;
  arenaBytes: number;
  sessionBytes: number;
  /** Bytes of a saved session. */
  stateBytes: number;
  sessions: number;
  /** How tokens are chosen where nothing else is said. */
  sampling: Required<Omit<Sampling, "seed">>;
}

/** How tokens are chosen; what is not given is as the model is published with, or else as the command `atome run` has it. */
export interface Sampling {
  /** Divides the logits; 0 takes the most likely token. */
  temperature?: number;
  /** Chooses among so many; 0, or as many as there are, for all. */
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  /** The same seed gives the same text; a whole number from 0 to 2^64 - 1, above 2^53 - 1 a BigInt. 0 where it is not given. */
  seed?: number | bigint;
}

export type Source = ArrayBuffer | ArrayBufferView | Blob | Response | URL | string;

export interface LoadOptions {
  /** The dimensions, as JSON or an object, of a model whose format stores none (ATOME01, ATOME02, ATOMECL01). */
  config?: string | object | ArrayBuffer | ArrayBufferView;
  /** Sessions that may be open at the same time; 1 if not given. */
  sessions?: number;
  /** Positions that attention looks back, of a model that leaves it open; 0 for what the model says. */
  context?: number;
  /** A build of `builds()`; the best one if not given. */
  build?: "relaxed-simd" | "simd128";
  /** Where the module's file is, if it is not beside this one; a relative one is looked for from here. */
  wasm?: string | URL;
  signal?: AbortSignal;
  /** Told how many bytes of the model, of how many, have come. */
  progress?: (done: number, all: number) => void;
}

/** The builds of the module that this engine runs, the best first. */
export function builds(): ("relaxed-simd" | "simd128")[];

/**
 * Loads a model of bytes, a Blob or File, a Response, a URL or, in node, a path. Its bytes are copied once, to the module's
 * memory, as they come.
 *
 * Rejects with a line that says what was expected, what was found, and where.
 */
export function load(source: Source, options?: LoadOptions): Promise<Model>;

export class Model {
  readonly about: Readonly<About>;
  /** Bytes of memory that the module has; it never gives any back before it is collected as a whole. */
  readonly memoryBytes: number;
  /** Opens a session: a sequence of tokens. Throws if all are open. */
  session(): Session;
  sampler(settings?: Sampling): Sampler;
  /** Tokens of a text or of UTF-8; with what the model has before texts unless `starts` is false. */
  encode(text: string | ArrayBuffer | ArrayBufferView, options?: { starts?: boolean }): Uint32Array;
  /** The bytes of a token, which need not be whole characters. */
  bytes(token: number): Uint8Array;
  decode(tokens: Iterable<number>): string;
  /** Frees it once its sessions are closed. */
  close(): void;
}

export interface Piece {
  token: number;
  /** Its text, as far as characters are whole. */
  text: string;
}

export interface GenerateOptions extends Sampling {
  /** Most tokens; 100 if not given. */
  n?: number;
  /** A sampler of the same model to go on with, in place of settings. */
  sampler?: Sampler;
  /** Whether the text ends where the model ends it; true if not given. */
  ends?: boolean;
}

export class Session {
  readonly model: Model;
  /** Tokens taken in so far. */
  readonly position: number;
  /** Takes in one token. */
  step(token: number): void;
  /** Takes in tokens, some times faster; the same bits. */
  prefill(tokens: ArrayLike<number>): void;
  /** A copy of what follows the last token: a logit for each token id, or for each class. */
  logits(): Float32Array;
  /** The index of the greatest, the lowest among equals. */
  argmax(): number;
  /** Forgets everything, takes in tokens, and gives their class. Tokens that are refused change nothing. */
  classify(tokens: ArrayLike<number>): number;
  /** The tokens that follow. The last one is not taken in. */
  generate(options?: GenerateOptions): Generator<Piece, void, void>;
  /** A second session that has seen the same. */
  fork(): Session;
  reset(): void;
  /** The state, which any session of the same model goes on from, on any machine. */
  save(): Uint8Array;
  restore(state: ArrayBuffer | ArrayBufferView): void;
  close(): void;
}

export class Sampler {
  readonly model: Model;
  /** Counts tokens of a prompt for the penalty. */
  saw(tokens: ArrayLike<number>): void;
  /** The token that follows what a session of the same model has taken in. */
  sample(session: Session): number;
  close(): void;
}

export interface State {
  memoryBytes: number;
  position: number;
}

export interface Part extends State {
  tokens: number[];
  text: string;
  /** Tokens and seconds since the first. */
  written: number;
  seconds: number;
}

export interface RemoteSettings extends Sampling {
  n?: number;
  /** Goes on from what was read and written last, in place of beginning. */
  goOn?: boolean;
  /** Texts that end the answer, and are no part of it. */
  stop?: string[];
  /** Goes on where the model ends the text. */
  ignoreEnds?: boolean;
  signal?: AbortSignal;
  /** Told of tokens that were read, and of text, about every 25 ms. */
  more?: (part: Part | { read: number; all: number }) => void;
}

export interface Done extends Part {
  /** Why it is as long as it is. */
  why: "length" | "end" | "text" | "stopped";
  /** Tokens of the prompt, and the time they took. */
  read: number;
  readSeconds: number;
}

/** A model in a worker: a thread of its own, so that a page does not stand still. */
export class Remote {
  /** As `load`; bytes that a Blob or URL names are read in the worker. A relative URL is one of the page. */
  load(source: Blob | ArrayBuffer | ArrayBufferView | URL | string, options?: Omit<LoadOptions, "signal">): Promise<State & { about: About }>;
  /** What follows a prompt. With `more`, `Part`s are told before, and the result has what came after the last; without it the result has all. */
  generate(prompt: string | ArrayLike<number>, settings?: RemoteSettings): Promise<Done>;
  /** The class of a text or of tokens. */
  classify(given: string | ArrayLike<number>): Promise<State & { index: number; label: string | null; logits: Float32Array }>;
  /** Ends the worker; what it is writing stops at the next token. */
  close(): Promise<void>;
}

/** A worker of this package, in a page or in node; `worker` where somebody else made it of `atome-web/worker`. */
export function connect(worker?: Worker): Promise<Remote>;
