/** What a priority level is to have of seats, at least and at most, and in proportion to what. */
export interface SeatClaim {
  readonly least: number;
  readonly most: number;
  readonly target: number;
}

/** A target of zero has no proportion. */
const MIN_TARGET = 0.001;

/** Halvings that find a proportion to far more digits than a seat has. */
const STEPS = 64;

export interface Allocation {
  /** In the order of the claims, with fractions. */
  readonly seats: readonly number[];
  /** What each gets of its target, unless its bounds say otherwise. */
  readonly fraction: number;
}

/** Deals out `total` seats: each claim gets the same fraction of its target, as far as its bounds let it (KEP-1040). */
export function allocate(total: number, claims: readonly SeatClaim[]): Allocation {
  const dealt = (fraction: number): readonly number[] =>
    claims.map(({ least, most, target }) => Math.max(least, Math.min(most, fraction * Math.max(target, MIN_TARGET))));
  let low = 0;
  let high = Math.max(0, ...claims.map(({ most, target }) => most / Math.max(target, MIN_TARGET)));
  if (sumOf(dealt(high)) <= total) return { seats: dealt(high), fraction: high };
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (sumOf(dealt(middle)) < total) low = middle;
    else high = middle;
  }
  return { seats: dealt(high), fraction: high };
}

export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
