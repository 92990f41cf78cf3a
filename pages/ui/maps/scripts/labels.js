// Names of classes, or numbers of clusters, written on the map where each lies densest.
import { here } from "./arrays.js";
import { colourOf, nameOf } from "./palette.js";
import { button, toolbar } from "./toolbar.js";

const MOST = 1000, SPOTS = 5, LONGEST = 20; // categories, places of each, letters
const HEIGHT = 15, RIM = 2, CELL = 4, COVERED = 0.2; // pixels, and the share of a panel that names may cover
const STEPS = [[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0], [-0.8, -0.8], [0.8, -0.8], [-0.8, 0.8], [0.8, 0.8]];
const FAR_STEPS = [...STEPS, [0, -2], [0, 2]]; // for few: of many, it would seem to be another's
const FEW = 20, PICK = 1, NAME = 2;
const FROM_RIGHT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const found = new WeakMap(); // coordinates -> codes -> entries
let wanted = true; // outlives the elements, as zoom does

const named = (channel) => channel.kind === "category" && channel.count <= MOST;

// The button that shows and hides them, where there are any.
export function names(view) {
  if (!view.data.panels.some((panel) => named(view.channel(panel.colour ?? view.data.colour)))) return [];
  return [button("Names", "Write the names of classes, or the numbers of clusters, on the maps", () => {
    wanted = !wanted;
    toolbar(view);
    view.ask();
  }, wanted)];
}

// Writes what there is room for, the largest first; ranked: ranks stand beside the picks. Returns the boxes that it took.
export function labels(context, view, panel, ranked, radius) {
  if (!wanted || !named(panel.channel)) return [];
  const room = new Room(panel), taken = [], hidden = view.hiddenCodes.get(panel.channel.name);
  if (!view.hiddenMethods.has(panel.spec.style.label)) {
    for (const row of panel.spec.picks) {
      const [x, y] = panel.toScreen(row);
      room.take([x - radius, y - radius, x + radius + (ranked ? 14 : 0), y + radius], PICK);
    }
  }
  const ratio = context.getTransform().a;
  for (const { x, y, side } of view.pictures.shown[panel.index] ?? []) room.take([x, y, x + side, y + side], PICK);
  let left = COVERED * panel.width * panel.height;
  for (const entry of entries(view, panel.channel)) {
    if (left <= 0) break;
    if (hidden?.has(entry.id + 1)) continue;
    const at = inSight(entry, panel, room);
    if (!at) continue;
    const picture = stamp(view, entry, colourOf(panel.channel, view.look, entry.id), ratio);
    const box = room.place(at, entry.width, HEIGHT, panel.channel.count <= FEW);
    if (!box) continue;
    left -= entry.width * HEIGHT;
    taken.push(box);
    context.drawImage(picture, box[0], box[1] - RIM, picture.width / ratio, picture.height / ratio);
  }
  return taken;
}

function inSight(entry, panel, room) {
  for (const row of entry.rows) {
    const at = panel.toScreen(row);
    if (room.holds(at[0], at[1])) return at;
  }
  return null;
}

// A name as a small picture, which is much faster to draw at every frame than letters with a rim. Underlined in its colour, which
// ties it to its points and tells it from the rank of a pick.
function stamp(view, entry, colour, ratio) {
  const look = [ratio, view.font, view.look.name, colour].join();
  if (entry.look === look) return entry.stamp;
  const made = document.createElement("canvas"), context = made.getContext("2d"), font = `600 12px ${view.font}`;
  context.font = font;
  entry.width = Math.ceil(context.measureText(entry.text).width) + 2 * RIM;
  [made.width, made.height] = [Math.ceil(entry.width * ratio), Math.ceil((HEIGHT + 2 * RIM) * ratio)];
  [made.title, made.dir] = [entry.text, entry.direction];
  context.scale(ratio, ratio);
  Object.assign(context, { font, textAlign: "center", textBaseline: "middle", lineJoin: "round", direction: entry.direction });
  const middle = entry.width / 2, line = () => {
    context.beginPath();
    context.moveTo(RIM, HEIGHT + RIM - 1);
    context.lineTo(entry.width - RIM, HEIGHT + RIM - 1);
    context.stroke();
  };
  Object.assign(context, { lineWidth: 2 * RIM, strokeStyle: view.look.background, globalAlpha: 0.85 });
  context.strokeText(entry.text, middle, HEIGHT / 2 + RIM);
  line();
  Object.assign(context, { lineWidth: 2.5, strokeStyle: colour, globalAlpha: 1, fillStyle: view.look.text });
  line();
  context.fillText(entry.text, middle, HEIGHT / 2 + RIM);
  [entry.look, entry.stamp] = [look, made];
  return made;
}

function entries(view, channel) {
  const key = `${channel.codes} ${channel.listed ?? channel.names}`;
  if (!found.has(view.xy)) found.set(view.xy, new Map());
  const known = found.get(view.xy);
  if (!known.has(key)) {
    if (known.size > 20) known.clear();
    known.set(key, located(view.xy, here(channel.codes), channel));
  }
  return known.get(key);
}

// The categories that have points, the largest first, with the rows in the middle of their densest places.
export function located(xy, codes, channel) {
  const { count } = channel, side = count > 200 ? 48 : 96, area = side * side, n = codes.length, cell = cells(xy, side);
  const held = new Uint32Array(count * area), sizes = new Uint32Array(count);
  for (let i = 0; i < n; i++) {
    if (!codes[i]) continue;
    held[(codes[i] - 1) * area + cell[i]]++;
    sizes[codes[i] - 1]++;
  }
  const spots = [], of = Array.from(sizes, (size, id) => {
    const first = spots.length;
    if (size) spots.push(...densest(held.subarray(id * area, (id + 1) * area), side));
    return [first, spots.length];
  });
  // From here on `held` says which spot a cell belongs to: they lie so far apart that it is never two.
  held.fill(0);
  of.forEach(([first, end], id) => {
    for (let at = first; at < end; at++) around(spots[at].cell, side, (c) => { held[id * area + c] = at + 1; });
  });
  const x = new Float64Array(spots.length), y = new Float64Array(spots.length);
  const least = new Float64Array(spots.length).fill(Infinity), rows = new Int32Array(spots.length);
  for (let i = 0; i < n; i++) {
    const at = codes[i] ? held[(codes[i] - 1) * area + cell[i]] - 1 : -1;
    if (at < 0) continue;
    x[at] += xy[2 * i] / spots[at].size;
    y[at] += xy[2 * i + 1] / spots[at].size;
  }
  for (let i = 0; i < n; i++) {
    const at = codes[i] ? held[(codes[i] - 1) * area + cell[i]] - 1 : -1;
    if (at < 0) continue;
    const distance = (xy[2 * i] - x[at]) ** 2 + (xy[2 * i + 1] - y[at]) ** 2;
    if (distance < least[at]) [least[at], rows[at]] = [distance, i];
  }
  const order = [...sizes.keys()].filter((id) => sizes[id]).sort((a, b) => sizes[b] - sizes[a] || a - b);
  return order.map((id) => ({ id, size: sizes[id], rows: [...rows.subarray(...of[id])], ...short(nameOf(channel, id)) }));
}

function cells(xy, side) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity], n = xy.length / 2, cell = new Uint16Array(n);
  for (let at = 0; at < xy.length; at++) {
    if (xy[at] < low[at & 1]) low[at & 1] = xy[at];
    if (xy[at] > high[at & 1]) high[at & 1] = xy[at];
  }
  const step = Math.max(high[0] - low[0], high[1] - low[1]) / side || 1; // one for both, as on the map
  const column = (at) => Math.min(side - 1, Math.floor((xy[at] - low[at & 1]) / step));
  for (let i = 0; i < n; i++) cell[i] = column(2 * i + 1) * side + column(2 * i);
  return cell;
}

// Cells with the most points in and around them, well apart from each other, as long as a quarter of the first is left.
function densest(held, side) {
  const filled = [];
  for (let cell = 0; cell < held.length; cell++) {
    if (!held[cell]) continue;
    let size = 0;
    around(cell, side, (c) => { size += held[c]; });
    filled.push({ cell, size, own: held[cell] });
  }
  filled.sort((a, b) => b.size - a.size || b.own - a.own || a.cell - b.cell);
  const kept = [], apart = (a, b) => Math.max(Math.abs((a % side) - (b % side)), Math.abs(Math.floor(a / side) - Math.floor(b / side)));
  for (const spot of filled) {
    if (kept.length === SPOTS || spot.size < filled[0].size / 4) break;
    if (kept.every((other) => apart(other.cell, spot.cell) >= side / 12)) kept.push(spot);
  }
  return kept;
}

// Calls visit(cell) for a cell and those that touch it.
function around(cell, side, visit) {
  const column = cell % side, row = Math.floor(cell / side);
  for (let y = Math.max(0, row - 1); y <= Math.min(side - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(side - 1, column + 1); x++) visit(y * side + x);
  }
}

// What is written of a name; the hover card has more of it.
function short(name) {
  const letters = globalThis.Intl?.Segmenter ? Array.from(new Intl.Segmenter().segment(name), (part) => part.segment) : [...name];
  const text = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("").trimEnd()}…` : name;
  return { text, direction: FROM_RIGHT.test(name.match(/\p{L}/u)?.[0] ?? "") ? "rtl" : "ltr" };
}

// What of a panel is taken, in cells of a few pixels.
class Room {
  constructor(panel) {
    this.panel = panel;
    [this.columns, this.rows] = [Math.ceil(panel.width / CELL), Math.ceil(panel.height / CELL)];
    this.taken = new Uint8Array(this.columns * this.rows);
  }

  holds(x, y) {
    const { panel } = this;
    return x >= panel.x && x <= panel.x + panel.width && y >= panel.y && y <= panel.y + panel.height;
  }

  // First and last column and row of a box.
  span([x0, y0, x1, y1]) {
    const { panel, columns, rows } = this, within = (value, count) => Math.max(0, Math.min(count - 1, Math.floor(value / CELL)));
    return [within(x0 - panel.x, columns), within(x1 - panel.x, columns), within(y0 - panel.y, rows), within(y1 - panel.y, rows)];
  }

  take(box, by) {
    if (!this.holds(box[0], box[1]) && !this.holds(box[2], box[3])) return;
    const [left, right, top, bottom] = this.span(box);
    for (let row = top; row <= bottom; row++) {
      for (let at = row * this.columns + left; at <= row * this.columns + right; at++) if (this.taken[at] < by) this.taken[at] = by;
    }
  }

  // How many cells of a box belong to picks; Infinity where it lies on a name.
  cost(box) {
    const [left, right, top, bottom] = this.span(box);
    let cost = 0;
    for (let row = top; row <= bottom; row++) {
      for (let at = row * this.columns + left; at <= row * this.columns + right; at++) {
        if (this.taken[at] === NAME) return Infinity;
        cost += this.taken[at];
      }
    }
    return cost;
  }

  // The best free box around a place: on no other name, and on as few picks as possible; must: or else on none. None where there
  // is no room.
  place([x, y], width, height, must) {
    const { panel } = this;
    let best = null, least = must ? Infinity : 1;
    for (const [right, down] of must ? FAR_STEPS : STEPS) {
      const cx = Math.max(panel.x + width / 2, Math.min(panel.x + panel.width - width / 2, x + right * (width / 2 + 8)));
      const cy = Math.max(panel.y + height / 2, Math.min(panel.y + panel.height - height / 2, y + down * height));
      const box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], cost = this.cost(box);
      if (cost < least) [best, least] = [box, cost];
      if (!cost) break;
    }
    if (best) this.take(best, NAME);
    return best;
  }
}
