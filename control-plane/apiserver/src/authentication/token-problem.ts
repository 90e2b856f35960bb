/** What is wrong with a token of this cluster, in upstream's words. */
export class TokenProblem extends Error {
  override readonly name = "TokenProblem";
}
