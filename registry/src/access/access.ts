/** What may be done to a repository, or to the registry's catalog (distribution, "Token scope"). */
export interface Scope {
  readonly type: "repository" | "registry";
  readonly name: string;
  readonly actions: readonly ("pull" | "push" | "delete" | "*")[];
}

/** Who was let in. */
export interface Visitor {
  may(scope: Scope): boolean;
}

/** Lets requests in. */
export interface Guard {
  /**
   * @param authorization The request's header.
   * @param scopes What the request needs; none for one that anybody may make who has credentials.
   * @param address Where the request comes from.
   * @throws {RegistryError} `UNAUTHORIZED` with a challenge; `TOOMANYREQUESTS`.
   */
  admit(authorization: string | undefined, scopes: readonly Scope[], address: string): Promise<Visitor>;
}

const ANYBODY: Visitor = { may: () => true };

/** A registry without credentials. */
export const openDoor: Guard = { admit: async () => ANYBODY };
