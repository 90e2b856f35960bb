/** Code points, both included. */
export type Range = readonly [first: number, last: number];

const ASCII = 128;
/** Letters whose other case lies outside of ASCII, or the other way round: K and the Kelvin sign, s and the long s. */
const FOLDED_FAR: readonly (readonly number[])[] = [
  [0x4b, 0x6b, 0x212a],
  [0x53, 0x73, 0x17f],
];

/** A set of code points: what one step of a pattern takes. */
export class CharSet {
  readonly #ascii = new Uint8Array(ASCII);
  readonly #ranges: readonly Range[];
  readonly #properties: readonly RegExp[];
  readonly #isNegated: boolean;
  readonly #folds: boolean;
  /** What was asked last outside of ASCII: texts are of one script, and often of few letters. */
  #asked = -1;
  #answer = false;

  /** @param properties Each takes one character. @param folds Whether cases of a letter are one. */
  constructor(ranges: readonly Range[], properties: readonly RegExp[] = [], isNegated = false, folds = false) {
    this.#ranges = ranges;
    this.#properties = properties;
    this.#isNegated = isNegated;
    this.#folds = folds;
    for (let code = 0; code < ASCII; code += 1) this.#ascii[code] = this.#decide(code) ? 1 : 0;
  }

  has(code: number): boolean {
    if (code < ASCII) return this.#ascii[code] === 1;
    if (code !== this.#asked) this.#answer = this.#decide(code);
    this.#asked = code;
    return this.#answer;
  }

  #decide(code: number): boolean {
    const isIn = this.#isIn(code) || (this.#folds && otherCasesOf(code).some((other) => this.#isIn(other)));
    return isIn !== this.#isNegated;
  }

  #isIn(code: number): boolean {
    if (this.#ranges.some(([first, last]) => code >= first && code <= last)) return true;
    return (
      this.#properties.length > 0 && this.#properties.some((property) => property.test(String.fromCodePoint(code)))
    );
  }
}

function otherCasesOf(code: number): readonly number[] {
  const far = FOLDED_FAR.find((letters) => letters.includes(code));
  if (far !== undefined) return far;
  const char = String.fromCodePoint(code);
  return [char.toLowerCase(), char.toUpperCase()].flatMap((other) => {
    const point = other.codePointAt(0)!;
    return String.fromCodePoint(point) === other ? [point] : [];
  });
}
