import { TsukubeError } from "@tsukube/foundation";
import type { Authenticator, IncomingRequest, User } from "../contracts.ts";
import { bearerOf } from "./tokens.ts";

/** Tokens of a file: a line of CSV each, with the token, the user's name, uid and, in quotes, groups by comma. */
export class StaticTokens implements Authenticator {
  readonly #users: ReadonlyMap<string, User>;

  /** @throws {TsukubeError} `usage` for a line that lacks something. */
  constructor(text: string) {
    const lines = text.split(/\r?\n/).map((line, index) => ({ number: index + 1, columns: columnsOf(line) }));
    const given = lines.filter(({ columns }) => columns.some((column) => column !== ""));
    const short = given.find(({ columns }) => columns.length < 3);
    if (short !== undefined)
      throw new TsukubeError(
        "usage",
        `Cannot use line ${short.number} of tokens: ${short.columns.length} columns, expected a token, a user's name, a uid, and groups in quotes`,
      );
    this.#users = new Map(given.map(({ columns: [token = "", ...user] }) => [token, userOf(user)]));
  }

  async authenticate({ headers }: IncomingRequest): Promise<User | undefined> {
    const token = bearerOf(headers);
    return token === undefined ? undefined : this.userOf(token);
  }

  userOf(token: string): User | undefined {
    return token === "" ? undefined : this.#users.get(token);
  }
}

function userOf([name = "", uid = "", list = ""]: readonly string[]): User {
  const groups = list === "" ? [] : list.split(",");
  return { name, ...(uid !== "" && { uid }), groups: [...new Set([...groups, "system:authenticated"])], extra: {} };
}

/** RFC 4180, without lines in quotes. */
function columnsOf(line: string): readonly string[] {
  return [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
}
