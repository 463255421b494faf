// Texts that end what is written, across the tokens that they come in.

export class Ends {
  #ends;
  #held = "";
  isMet = false;

  constructor(ends) {
    this.#ends = ends.filter((end) => end.length > 0);
  }

  /** Takes text; gives what of it, and of what was held back, comes before every end. */
  push(text) {
    this.#held += text;
    const found = this.#ends.map((end) => this.#held.indexOf(end)).filter((at) => at >= 0);
    this.isMet = found.length > 0;
    const at = this.isMet ? Math.min(...found) : this.#held.length - this.#begun();
    const said = this.#held.slice(0, at);
    this.#held = this.isMet ? "" : this.#held.slice(at);
    return said;
  }

  /** How much of the end of the text begins an end. */
  #begun() {
    const most = Math.max(0, ...this.#ends.map((end) => end.length - 1));
    for (let length = Math.min(most, this.#held.length); length > 0; length -= 1) {
      const tail = this.#held.slice(-length);
      if (this.#ends.some((end) => end.startsWith(tail))) return length;
    }
    return 0;
  }

  /** What is still held back. */
  rest() {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}
