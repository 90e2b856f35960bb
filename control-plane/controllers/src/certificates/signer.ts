/** What a PKCS #10 request asks for. */
export interface RequestedNames {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** The cluster's certificate authority. Requests and certificates are PEM. */
export interface CertificateSigner {
  /** @throws for what is no request. */
  read(csr: string): Promise<RequestedNames>;
  /** Signs just what the request asks for: whoever calls has looked at it. */
  sign(csr: string, terms: { readonly usages: readonly string[]; readonly ttlMs: number }): Promise<string>;
  /** Ms since the epoch. @throws for what is no certificate. */
  expiryOf(certificate: string): Promise<number>;
}
