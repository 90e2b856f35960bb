/** What makes Node's TLS take a certificate for one of its `ca` without looking for who vouches for that one. */
interface Trust {
  readonly ca: string;
  readonly allowPartialTrustChain: true;
}

/**
 * TLS options by which these certificates are trusted and all that they vouch for, as Go trusts them: an authority between or a
 * server's own certificate is enough, the root of its chain need not be there.
 * @param ca PEM, of one or more.
 */
export function trusting(ca: string): Trust {
  return { ca, allowPartialTrustChain: true };
}
