/** The reader child as a program of its own; its last argument is the file. A bundle may call {@link runReader} instead. */
import { runReader } from "./lmdb-reader.ts";

runReader(process.argv.at(-1)!);
process.exit(0);
