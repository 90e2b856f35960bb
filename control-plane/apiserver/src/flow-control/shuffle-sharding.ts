import { createHash } from "node:crypto";

/**
 * The queues that a flow may wait in, out of `queues`: as few other flows as possible have the same ones. As upstream deals
 * them, from SHA-256 of schema and distinguisher.
 */
export function handOf(schema: string, distinguisher: string, queues: number, handSize: number): readonly number[] {
  let entropy = createHash("sha256").update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE();
  const hand: number[] = [];
  const drawn: number[] = [];
  for (let i = 0; i < handSize; i += 1) {
    const left = BigInt(queues - i);
    drawn.push(Number(entropy % left));
    entropy /= left;
    // what was drawn counts only the cards that were left
    let card = drawn[i]!;
    for (let before = i - 1; before >= 0; before -= 1) if (card >= drawn[before]!) card += 1;
    hand.push(card);
  }
  return hand;
}
