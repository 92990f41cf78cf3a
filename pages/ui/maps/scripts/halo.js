// An outline around the images of one cluster: that of the pick under the pointer, or of the one that the keys are at.
import { fetched, here } from "./arrays.js";
import { pointLook } from "./marks.js";
import { channels } from "./palette.js";

const AROUND = 8, LINE = 1.6, CELL = 3, FINER = 2; // pixels: from the points, of the line, and between two spots that are told apart
const rows = new WeakMap(); // codes -> { start, rows } by code
const UNCLUSTERED = 0;

// Outline the cluster of a row of a panel; nothing where it has none. What has to be fetched first comes later.
export function light(view, panel, row) {
  const digest = panel.spec.clustering ?? view.data.channels.find((channel) => channel.name === "cluster" && channel.kind === "category")?.codes;
  if (!digest) return dark(view);
  const codes = here(digest);
  if (!codes) {
    const wanted = (view.litWanted = [panel.index, row].join(" "));
    fetched(digest, "h").then(() => view.litWanted === wanted && light(view, panel, row), () => {}); // an outline is no reason for an error
    return;
  }
  view.litWanted = null;
  const code = codes[row], now = view.lit;
  if (code === UNCLUSTERED) return dark(view);
  if (now && now.panel === panel.index && now.code === code && now.codes === codes) return;
  view.lit = { panel: panel.index, code, codes };
  view.ask();
}

export function dark(view) {
  view.litWanted = null;
  if (!view.lit) return;
  view.lit = null;
  view.ask();
}

// Rows of a code: a view of one array that holds those of all codes, made once.
export function rowsOf(codes, code) {
  if (!rows.has(codes)) {
    const start = new Uint32Array(65537), found = new Uint32Array(codes.length);
    for (const one of codes) start[one + 1]++;
    for (let at = 0; at < 65536; at++) start[at + 1] += start[at];
    const next = start.slice();
    for (let row = 0; row < codes.length; row++) found[next[codes[row]]++] = row;
    rows.set(codes, { start, found });
  }
  const { start, found } = rows.get(codes);
  return found.subarray(start[code], start[code + 1]);
}

export function draw(context, view, panels) {
  const { lit } = view, panel = lit && panels[lit.panel];
  if (!panel || lit.codes.length !== view.data.n) return;
  const { camera } = view, key = [panel.width, panel.height, camera.x, camera.y, camera.zoom, view.look.name].join(" ");
  if (lit.key !== key) Object.assign(lit, { key, image: outline(view, panel, lit) });
  context.drawImage(lit.image, panel.x, panel.y, panel.width, panel.height);
}

// The rim of all discs around the points: what larger discs cover and smaller ones do not. By masks, FINER times as fine as the
// panel, which takes a fraction of the time that a canvas takes to draw thousands of discs.
function outline(view, panel, { codes, code }) {
  const [width, height] = [panel.width, panel.height].map((value) => Math.max(1, Math.round(FINER * value)));
  const radius = pointLook(view, panel).size / 2 + AROUND, spots = spotsOf(view, panel, rowsOf(codes, code), radius + LINE);
  const [outer, inner] = [radius + LINE, radius].map((one) => covered(spots, one, width, height));
  const image = new ImageData(width, height), pixels = new Uint32Array(image.data.buffer), [red, green, blue] = channels(view.look.text);
  const colour = new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0];
  for (let at = 0; at < pixels.length; at++) if (outer[at] && !inner[at]) pixels[at] = colour;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// One byte per pixel: 1 within a disc around any of the spots.
function covered(spots, radius, width, height) {
  const mask = new Uint8Array(width * height), reach = Math.floor(FINER * radius);
  const half = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.floor(Math.sqrt((FINER * radius) ** 2 - (at - reach) ** 2)));
  for (let at = 0; at < spots.length; at += 2) {
    const x = Math.round(FINER * spots[at]), y = Math.round(FINER * spots[at + 1]);
    for (let line = Math.max(0, y - reach); line <= Math.min(height - 1, y + reach); line++) {
      const wide = half[line - y + reach], from = Math.max(0, x - wide), to = Math.min(width, x + wide + 1);
      if (to > from) mask.fill(1, line * width + from, line * width + to);
    }
  }
  return mask;
}

// [x, y, x, y, ...] in pixels of the panel, one for each small cell that holds points in view.
function spotsOf(view, panel, members, margin) {
  const columns = Math.ceil((panel.width + 2 * margin) / CELL), lines = Math.ceil((panel.height + 2 * margin) / CELL);
  const taken = new Uint8Array(columns * lines), found = [], scale = view.scale(panel), [cx, cy] = view.centre();
  for (const row of members) {
    const x = panel.width / 2 + (view.xy[2 * row] - cx) * scale, y = panel.height / 2 - (view.xy[2 * row + 1] - cy) * scale;
    const column = Math.floor((x + margin) / CELL), line = Math.floor((y + margin) / CELL);
    if (!(column >= 0 && line >= 0 && column < columns && line < lines) || taken[line * columns + column]) continue;
    taken[line * columns + column] = 1;
    found.push(x, y);
  }
  return found;
}
