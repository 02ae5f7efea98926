// A growing list of whole numbers from 0 to 2^32 - 1, four at a time, in the memory that they take.

/** Numbers of a piece of the list: a longer one is never copied while it grows. */
const PIECE = 1 << 16;

export class NumberList {
  /** The pieces that are full. */
  #full: Uint32Array[] = [];
  #last = new Uint32Array(64);
  /** Numbers in the last piece. */
  #used = 0;

  get empty() {
    return this.#used === 0;
  }

  /** One of the last four numbers, of which there have to be some. @param place from 0 to 3 */
  last(place: number) {
    return this.#last[this.#used - 4 + place];
  }

  increaseLast(place: number, by: number) {
    this.#last[this.#used - 4 + place] += by;
  }

  add(a: number, b: number, c: number, d: number) {
    if (this.#used === this.#last.length) this.#grow();
    const at = this.#used;
    this.#last[at] = a;
    this.#last[at + 1] = b;
    this.#last[at + 2] = c;
    this.#last[at + 3] = d;
    this.#used = at + 4;
  }

  /** The numbers; the list is empty then. */
  take(): Uint32Array<ArrayBuffer> {
    const taken = new Uint32Array(this.#full.length * PIECE + this.#used);
    this.#full.forEach((piece, i) => taken.set(piece, i * PIECE));
    taken.set(this.#last.subarray(0, this.#used), this.#full.length * PIECE);
    this.#full = [];
    this.#last = new Uint32Array(64);
    this.#used = 0;
    return taken;
  }

  #grow() {
    if (this.#used === PIECE) {
      this.#full.push(this.#last);
      this.#last = new Uint32Array(PIECE);
      this.#used = 0;
      return;
    }
    const more = new Uint32Array(Math.min(PIECE, 4 * this.#used));
    more.set(this.#last);
    this.#last = more;
  }
}
