import { describe, test } from "vitest";
import { DEBIAN, type EtcdProgram, findEtcds } from "./etcd-programs.ts";

const ETCDS = findEtcds();

/** Defines tests once for each etcd that is found here, and says which is not. */
export function withEachEtcd(define: (etcd: EtcdProgram) => void): void {
  for (const etcd of ETCDS) describe(`with etcd ${etcd.version}`, () => define(etcd));
  if (!ETCDS.some(({ program }) => program === DEBIAN)) test.skip("with Debian's etcd (needs its package etcd-server)");
  if (ETCDS.length < 2) test.skip('with another etcd (needs one of "npm run peers", on PATH or named by TSUKUBE_ETCD)');
}
