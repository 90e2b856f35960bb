/** The reader as the program of a thread of its own. A bundle may call {@link runReader} instead. */
import { runReader } from "./lmdb-reader.ts";

runReader();
