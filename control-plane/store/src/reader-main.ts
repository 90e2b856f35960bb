/** The reader child as a program of its own; its last argument is the file. A bundle may call {@link runReader} instead. */
import { ONLY_WHOLE, runReader } from "./lmdb-reader.ts";

runReader(process.argv.at(-1)!, process.argv.at(-2) === ONLY_WHOLE);
process.exit(0);
