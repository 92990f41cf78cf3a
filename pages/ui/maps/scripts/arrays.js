// Arrays and lists of the server by the digest of their bytes: fetched once, kept for every map on the page.
import { reach } from "./reach.js";

const KEPT_BYTES = 96 * 2 ** 20;
const known = new Map();
let bytes = 0;

// The array, if it is here already.
export function here(digest) {
  const found = known.get(digest);
  if (found) {
    known.delete(digest);
    known.set(digest, found); // the last to be dropped
  }
  return found;
}

// A promise of the array; fails with "missing" where the server has it no longer. late: see reach.
export async function fetched(digest, kind, late) {
  const found = here(digest);
  if (found) return found;
  const response = await reach(`api/array/${digest}`, late);
  // An unknown address gets the page itself, with status 200.
  const ok = response.ok && response.headers.get("content-type") === "application/octet-stream";
  if (!ok) throw new Error(response.status === 404 || response.ok ? "missing" : `status ${response.status}`);
  const raw = await response.arrayBuffer(), Kind = { f: Float32Array, h: Uint16Array, i: Int32Array, b: Uint8Array }[kind];
  const array = Kind ? new Kind(raw) : Object.assign(JSON.parse(new TextDecoder().decode(raw)), { byteLength: raw.byteLength });
  keep(digest, array);
  return array;
}

export function keep(digest, array) {
  if (known.has(digest)) return;
  known.set(digest, array);
  bytes += array.byteLength;
  for (const oldest of known.keys()) {
    if (bytes <= KEPT_BYTES || oldest === digest) break;
    drop(oldest);
  }
}

export function drop(digest) {
  bytes -= known.get(digest)?.byteLength ?? 0;
  known.delete(digest);
}
