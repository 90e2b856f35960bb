/** Powers of ten that Go shows as they are, least and past the most. */
const [LEAST, PAST] = [-4, 6];

/** A finite float as Go's %v shows it: "0.5", "1e+06", "1e-05". */
export function goFloat(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= LEAST && power < PAST) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A number as Go's %v shows it: of JSON's whole ones all digits. */
export function goNumber(value: number | bigint): string {
  return typeof value === "bigint" || Number.isInteger(value) ? String(value) : goFloat(value);
}
