// Coordinates from the parts in which they come: 16 bits per axis for a first picture, 16 more for the very numbers.
import { drop, fetched, here, keep } from "./arrays.js";

const AT_ONCE = 100_000; // so few points wait for both halves

export const keyOf = (told) => `${told.coarse} ${told.fine}`;

// What has to be here before the first picture, as [digest, kind].
export function wanted(told, n) {
  if (here(keyOf(told))) return [];
  return n > AT_ONCE ? [[told.coarse, "h"]] : [[told.coarse, "h"], ...rest(told)];
}

function rest(told) { return [[told.fine, "h"], ...(told.rows ? [[told.rows, "i"], [told.exact, "f"]] : [])]; }

// The very coordinates if they are here, else near ones: { xy, exact }.
export function places(told) {
  const known = here(keyOf(told));
  if (known) return { xy: known, exact: true };
  if (rest(told).every(([digest]) => here(digest))) return { xy: put(told, here(told.coarse)), exact: true };
  return { xy: near(told, here(told.coarse)), exact: false };
}

// A promise of the very coordinates. late: see reach.
export async function exactPlaces(told, late) {
  const known = here(keyOf(told)); // another map of the page may have got them
  if (known) return known;
  const coarse = await fetched(told.coarse, "h", late);
  await Promise.all(rest(told).map(([digest, kind]) => fetched(digest, kind, late)));
  return here(keyOf(told)) ?? put(told, coarse);
}

function near({ low, step }, coarse) {
  const xy = new Float32Array(coarse.length);
  for (let at = 0; at < xy.length; at++) xy[at] = low[at & 1] + (65536 * coarse[at] + 32768) * step[at & 1];
  return xy;
}

// Python has seen to it that this gives every bit of the coordinates back; the parts are not needed any more.
function put(told, coarse) {
  const { low, step } = told, fine = here(told.fine), xy = new Float32Array(coarse.length);
  for (let at = 0; at < xy.length; at++) xy[at] = low[at & 1] + (65536 * coarse[at] + fine[at]) * step[at & 1];
  if (told.rows) {
    const rows = here(told.rows), exact = here(told.exact);
    for (let at = 0; at < rows.length; at++) xy.set(exact.subarray(2 * at, 2 * at + 2), 2 * rows[at]);
  }
  keep(keyOf(told), xy);
  for (const digest of [told.coarse, ...rest(told).map(([part]) => part)]) drop(digest);
  return xy;
}
