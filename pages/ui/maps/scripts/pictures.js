// The mode "pictures": picks as framed thumbnails, and images that stand for the points around them.
import { here } from "./arrays.js";
import { Loader } from "./atlas.js";
import { Cells } from "./cells.js";
import { palette } from "./palette.js";
import { Room } from "./room.js";
import * as thumbnail from "./thumbnail.js";
import { toolbar } from "./toolbar.js";

const MOST = 300; // pictures at once, over all panels
const CELL = 44, INSET = 2, WIDEST = 58; // pixels: of a cell when it appears, twice that when it splits; of what it shows
const NEAR = 1.4, FEW = 6; // zoom from which pictures stand for points, and how few points per cell need none
const SIDES = [64, 96]; // of the server's tiles
const SMALLEST = 20, USUAL = 54, LARGEST = 72, SHRINK = [1, 0.8, 0.62]; // sides of picks' pictures in pixels
const TOUCH = 0.12, RANKED = 600; // share of a picture that another may hide; ranks behind which picks stay marks
const switched = new Map(); // by name of the maps; outlives the elements, as the zoom does

export class Pictures {
  constructor(view) {
    this.view = view;
    this.shown = []; // by panel: [{ row, x, y, side, at }] as drawn, the topmost last
    this.tables = new Map();
    this.cells = new Map();
  }

  get offered() { return Boolean(this.view.data?.atlas); }
  get on() { return this.offered && Boolean(switched.get(this.view.data.name)); }

  toggle() {
    if (!this.offered) return;
    switched.set(this.view.data.name, !this.on);
    this.view.say(this.on ? "Images in place of points." : "Points.");
    if (this.loader) this.loader.pausedUntil = 0;
    this.view.notice.tell("pictures", "");
    toolbar(this.view);
    this.view.ask();
  }

  destroy() { this.loader?.stop(); }

  // Draws the pictures of a panel; returns which of its picks need no mark: their places in the order of ranks.
  draw(context, panel) {
    this.shown[panel.index] = [];
    if (!this.on) return new Set();
    if (panel.index === 0) this.begin();
    const { view } = this, { sheet } = this.loader, most = Math.floor(MOST / view.panels.length), scale = view.scale(panel);
    const wanted = Math.floor(Math.log2(scale / this.cell())), visible = !view.hiddenMethods.has(panel.spec.style.label);
    const picks = visible ? this.picks(panel, this.pickBudget(panel, scale, most)) : [];
    const others = this.others(panel, wanted, scale, picks, most - picks.length);
    this.important.push(...picks.map((one) => one.row));
    this.further.push(...others.map((one) => one.row));
    this.ready &&= others.every((one) => sheet.has(one.row));
    const level = this.standing(scale) ? this.level : wanted;
    const standing = level === wanted ? others : this.others(panel, level, scale, picks, most - picks.length);
    const there = (one) => sheet.has(one.row), framed = picks.filter(there);
    this.shown[panel.index] = [...standing.filter(there), ...framed.toReversed()]; // of higher rank on top
    const covered = visible ? this.covered(panel, framed) : new Set();
    for (const one of this.shown[panel.index]) this.picture(context, panel, one);
    for (const one of framed.toReversed()) this.signs(context, panel, one); // no picture hides another's rank
    if (panel.index === view.panels.length - 1) this.end(wanted);
    return covered;
  }

  begin() {
    const { view } = this, { data } = view, side = SIDES[view.ratio > 1.25 ? 1 : 0];
    if (this.loader?.address !== data.atlas || this.loader.sheet.side !== side) {
      this.loader?.stop();
      this.loader = new Loader(data.atlas, side, (failed) => this.arrived(failed));
      this.level = undefined;
    }
    if (this.selection !== view.selection || this.grid !== view.grid || this.cells.size > 12) this.cells.clear();
    [this.selection, this.grid] = [view.selection, view.grid];
    [this.important, this.further, this.ready] = [[], [], true];
  }

  arrived(failed) {
    this.view.notice.tell("pictures", failed ? "The pictures could not be loaded. Move the map to try again." : "");
    this.view.ask();
  }

  end(wanted) {
    const rows = [...new Set([...this.important, ...this.further])].slice(0, MOST);
    this.loader.want(rows);
    if (rows.every((row) => this.loader.sheet.has(row))) this.view.notice.tell("pictures", "");
    if (!this.ready || this.level === wanted) return;
    const before = this.level;
    this.level = wanted;
    if (before !== undefined) this.view.ask();
  }

  // What was whole stays until the next level is, unless its cells have become too small or too large for that.
  standing(scale) {
    const cell = this.level === undefined ? 0 : 2 ** -this.level * scale;
    return cell >= 0.5 * this.cell() && cell < 4 * this.cell();
  }

  // The least side of a cell in pixels: with many panels there is less for each.
  cell() {
    const area = this.view.panels.reduce((sum, panel) => sum + panel.width * panel.height, 0);
    return Math.max(CELL, Math.sqrt(area / MOST));
  }

  // Depends on the zoom alone, so that moving changes nothing.
  pickBudget(panel, scale, most) {
    const cell = 2 ** -Math.floor(Math.log2(scale / this.cell())) * scale;
    return Math.max(Math.ceil(most / 4), most - Math.ceil((panel.width / cell) * (panel.height / cell)));
  }

  // The side of a pick's picture where nothing is in its way.
  usual(panel) {
    const least = Math.min(panel.width, panel.height), room = Math.sqrt((0.5 * panel.width * panel.height) / Math.max(panel.spec.picks.length, 1));
    const side = Math.min(USUAL, 0.17 * least, room) * this.view.nearness() ** 0.5;
    return Math.max(SMALLEST + 4, Math.min(LARGEST, 0.22 * least, side));
  }

  // Pictures of picks, in the order of ranks: as large as there is room for, none where a better one is in the way.
  picks(panel, budget) {
    const rows = panel.spec.picks, usual = this.usual(panel), found = [];
    const taken = new Room(usual);
    for (let at = 0; at < Math.min(rows.length, RANKED) && found.length < budget; at++) {
      const [x, y] = panel.toScreen(rows[at]);
      for (const share of SHRINK) {
        const side = Math.round(Math.max(SMALLEST, share * usual)), one = { row: rows[at], at, x: x - side / 2, y: y - side / 2, side };
        if (!taken.fits(one, TOUCH)) continue;
        taken.add(one);
        if (seen(panel, one)) found.push(one);
        break;
      }
    }
    return found;
  }

  // Places of the picks that are a picture or lie under one, which tells how many they are.
  covered(panel, framed) {
    const found = new Set(framed.map((one) => one.at)), room = new Room(LARGEST);
    for (const one of framed) room.add(Object.assign(one, { under: 0 }));
    panel.spec.picks.forEach((row, at) => {
      if (found.has(at)) return;
      const [x, y] = panel.toScreen(row);
      if (!seen(panel, { x, y, side: 0 })) return;
      let above;
      for (const one of room.near({ x, y, side: 0 })) if (holds(one, x, y) && !(above?.at < one.at)) above = one;
      if (!above) return;
      above.under++;
      found.add(at);
    });
    return found;
  }

  // The images that stand for a cell of a level each.
  others(panel, level, scale, picks, budget) {
    const { view } = this, cell = 2 ** -level, size = cell * scale, side = Math.round(Math.min(WIDEST, size - 2 * INSET, this.usual(panel)));
    if (!view.grid.ready || !this.near(panel)) return [];
    const taken = new Room(side), own = new Set(picks.map((one) => one.row));
    for (const one of picks) taken.add(one);
    const [x0, y1] = view.toMap(panel, 0, 0), [x1, y0] = view.toMap(panel, panel.width, panel.height);
    const found = [];
    for (const best of this.cellsOf(panel).within(level, x0, y0, x1, y1)) {
      if (own.has(best.row)) continue;
      const [x, y] = panel.toScreen(best.row);
      const [left, bottom] = [panel.x + (best.x - x0) * scale, panel.y + panel.height - (best.y - y0) * scale];
      const within = (value, low) => Math.min(low + size - side - INSET, Math.max(low + INSET, value - side / 2));
      const one = { row: best.row, rank: best.rank, at: -1, x: within(x, left), y: within(y, bottom - size), side };
      if (seen(panel, one) && taken.fits(one, 2 * TOUCH)) found.push(one);
    }
    if (found.length > budget) found.sort((a, b) => b.rank - a.rank || a.row - b.row).length = Math.max(0, budget);
    return found;
  }

  // Whether pictures stand for points: once the map is enlarged, and where there are few points anyway.
  near(panel) { return this.view.nearness() >= NEAR || this.view.data.n <= (FEW * panel.width * panel.height) / this.cell() ** 2; }

  // By density, the first quantity; what a selection or the legend dims comes last, or not at all.
  cellsOf(panel) {
    const { view } = this, { selection } = view, hidden = view.hiddenCodes.get(panel.channel.name);
    const density = view.data.channels.find((channel) => channel.kind === "quantity");
    const key = [view.placesKey, density?.codes, hidden?.size ? panel.palette : ""].join(" ");
    if (!this.cells.has(key)) {
      const codes = density && view.codesOf(density), own = view.codesOf(panel.channel);
      this.cells.set(key, new Cells(view.grid, (row) => {
        if (hidden?.has(own[row])) return -1;
        const value = codes && codes[row] < 65535 ? codes[row] : 0; // 65535: it is not known
        return selection && selection[row] ? 65536 + value : value;
      }));
    }
    return this.cells.get(key);
  }

  picture(context, panel, found) {
    const { view } = this, one = sharp(found), draw = () => this.loader.sheet.draw(context, one.row, one.x, one.y, one.side);
    context.globalAlpha = view.isDimmed(one.row) ? 0.3 : 1;
    if (one.at < 0) thumbnail.plain(context, one, this.colourOf(panel, one.row), draw);
    else thumbnail.pick(context, one, view.look, panel.spec, draw);
    context.globalAlpha = 1;
  }

  signs(context, panel, one) {
    const { view } = this, { look, font } = view;
    context.globalAlpha = view.isDimmed(one.row) ? 0.3 : 1;
    thumbnail.signs(context, sharp(one), { panel, look, font, rank: one.at + 1, under: one.under });
    context.globalAlpha = 1;
  }

  // That of the point, from the same table.
  colourOf(panel, row) {
    const { view } = this, { channel } = panel;
    if (!this.tables.has(panel.palette)) {
      if (this.tables.size > 12) this.tables.clear();
      this.tables.set(panel.palette, palette(channel, channel.places && here(channel.places), view.look, new Set()));
    }
    const table = this.tables.get(panel.palette), code = view.codesOf(channel)[row];
    return `rgb(${table.subarray(4 * code, 4 * code + 3).join(" ")})`;
  }

  // The picture of a pick, or of another row, under a place; -1: there is none.
  rowAt(panel, x, y, isPick) {
    return this.shown[panel.index]?.findLast((one) => one.at >= 0 === isPick && holds(one, x, y))?.row ?? -1;
  }

  // Of marks [at, x, y], those beside which no picture is in the way of a number.
  free(panel, marks) {
    const pictures = this.shown[panel.index] ?? [];
    return marks.filter(([, x, y]) => !pictures.some((one) => holds({ ...one, x: one.x - 26, side: one.side + 26 }, x, y)));
  }

  // A line around the picture of a row, if there is one.
  ring(context, panel, row, colour) {
    const one = this.shown[panel.index]?.findLast((other) => other.row === row);
    if (!one) return false;
    thumbnail.frame(context, sharp(one), 4, 6, this.view.look.background);
    thumbnail.frame(context, sharp(one), 4, 3, colour);
    if (one.at >= 0) this.signs(context, panel, one);
    return true;
  }
}

function seen(panel, { x, y, side }) {
  return x + side > panel.x && x < panel.x + panel.width && y + side > panel.y && y < panel.y + panel.height;
}

function holds(one, x, y) { return x >= one.x && x <= one.x + one.side && y >= one.y && y <= one.y + one.side; }

// On whole pixels, which takes less time to draw, too.
function sharp(one) { return { ...one, x: Math.round(one.x), y: Math.round(one.y) }; }
