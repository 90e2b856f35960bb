const BLOCK = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, each as a block in its normal form: without headers and without what stands between blocks. */
export function certificateBlocks(text: string): readonly string[] {
  return [...text.matchAll(BLOCK)].map(([, body = ""]) => {
    const bytes = body.split("\n").filter((line) => !line.includes(":"));
    const lines =
      bytes
        .join("")
        .replaceAll(/\s/g, "")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  });
}
