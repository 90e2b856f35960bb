/** In a larger cluster kubelets keep ConfigMaps and Secrets for longer, in seconds; between the bounds what is stays. */
const STEPS: readonly { readonly from: number; readonly to: number; readonly seconds: number }[] = [
  { from: 0, to: 100, seconds: 0 },
  { from: 90, to: 500, seconds: 15 },
  { from: 450, to: 1000, seconds: 30 },
  { from: 900, to: 2000, seconds: 60 },
  { from: 1800, to: Number.POSITIVE_INFINITY, seconds: 300 },
];

/** Pure: for how long kubelets of a cluster of so many nodes may use what they read. @param before What holds now. */
export function secondsFor(nodes: number, before: number): number {
  const fits = STEPS.filter(({ from, to }) => from <= nodes && nodes <= to);
  return (fits.find(({ seconds }) => seconds === before) ?? fits[0])?.seconds ?? before;
}
