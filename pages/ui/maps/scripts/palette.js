// Tables of 256 x 256 colours: one for each code that a channel can have; and what a code means.
import { here } from "./arrays.js";

const ALPHA = 165, HIDDEN = 14, UNKNOWN = 65535;

export function channels(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }

// hidden: codes that a filter dims.
export function palette(channel, places, look, hidden) {
  const table = new Uint8Array(4 * 65536);
  if (channel.kind === "category") categories(table, channel, places, look, hidden);
  else quantities(table, look.scale, look);
  return table;
}

function categories(table, channel, places, look, hidden) {
  const colours = look[channel.palette].map(channels);
  const put = (code, colour, alpha) => table.set([...colour, hidden.has(code) ? HIDDEN : alpha], 4 * code);
  put(0, channels(look.muted), ALPHA / 2);
  for (let id = 0; id < places.length; id++) put(id + 1, colours[places[id]], ALPHA);
}

function quantities(table, scale, look) {
  const stops = scale.map(channels), last = stops.length - 1;
  for (let code = 0; code < UNKNOWN; code++) {
    const at = (code / (UNKNOWN - 1)) * last, left = Math.min(Math.floor(at), last - 1), share = at - left;
    for (let c = 0; c < 3; c++) table[4 * code + c] = stops[left][c] + share * (stops[left + 1][c] - stops[left][c]);
    table[4 * code + 3] = ALPHA;
  }
  table.set([...channels(look.muted), ALPHA / 3], 4 * UNKNOWN);
}

// The colour and the name of a class or cluster, wherever it is shown.
export function colourOf(channel, look, id) { return look[channel.palette][here(channel.places)[id]]; }
export function nameOf(channel, id) { return channel.names?.[id] ?? here(channel.listed)?.[id] ?? String(id); }

// The number behind a code, as the hover card shows it.
export function value(channel, code) {
  if (channel.kind === "category") {
    if (code === 0) return "none";
    return nameOf(channel, code - 1);
  }
  if (code === UNKNOWN) return "unknown";
  const number = channel.low + (code / (UNKNOWN - 1)) * (channel.high - channel.low);
  const text = number.toFixed(channel.digits);
  // What lies beyond an end has the end's colour and code.
  return (code === 0 && channel.below ? "at most " : code === UNKNOWN - 1 && channel.above ? "at least " : "") + text;
}
