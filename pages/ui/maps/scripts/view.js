// One map component: its elements, what it was told last, and drawing when something changed.
import { fetched, here } from "./arrays.js";
import { Card } from "./card.js";
import * as edges from "./edges.js";
import * as fan from "./fan.js";
import { Grid } from "./grid.js";
import * as halo from "./halo.js";
import { legend } from "./legend.js";
import { pointLook } from "./marks.js";
import { Notice } from "./notice.js";
import * as overlay from "./overlay.js";
import { palette } from "./palette.js";
import { Pictures } from "./pictures.js";
import * as places from "./places.js";
import { Points } from "./points.js";
import { listen } from "./pointer.js";
import { toolbar } from "./toolbar.js";
import { Viewport } from "./viewport.js";

const NARROWEST = 240, GAP = 14, TITLE = 24, DIM = 22, BUILT_AT_ONCE = 100_000, SLOW = 1500; // milliseconds
const AWAY = "The server does not answer. Trying again …";

export class View extends Viewport {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".maps");
    this.root.replaceChildren();
    this.bar = this.add("div", "bar");
    this.stage = this.add("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.background = this.add("canvas", "background", this.stage);
    this.over = this.add("canvas", "over", this.stage);
    this.card = new Card(this.add("div", "card", this.stage));
    this.live = this.add("p", "live");
    this.live.setAttribute("aria-live", "polite");
    this.notice = new Notice(this.add("p", "notice", this.stage), this.live);
    this.key = this.add("div", "key");
    this.tool = "pan";
    this.hiddenCodes = new Map(); // channel name -> codes that the legend dims
    this.hiddenMethods = new Set();
    this.peaksShown = true;
    this.drawn = 0;
    this.painted = ""; // what the points on the screen were drawn for
    this.pictures = new Pictures(this);
    this.points = new Points(this.background); // throws without WebGL
    this.background.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.background.addEventListener("webglcontextrestored", () => { this.points.build(); this.painted = ""; this.fill(); });
    this.resized = new ResizeObserver(() => this.lay());
    this.resized.observe(this.stage);
    this.watchRatio();
    listen(this);
    this.root.usl = this; // for tests and for the curious
  }

  add(tag, name, parent = this.root) {
    const element = document.createElement(tag);
    element.className = name;
    parent.append(element);
    return element;
  }

  // Another screen, or the browser's own zoom, may bring finer pixels without another size.
  watchRatio() {
    const query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    const changed = () => { this.stopRatio(); this.watchRatio(); this.lay(); };
    query.addEventListener("change", changed);
    this.stopRatio = () => query.removeEventListener("change", changed);
  }

  destroy() {
    this.resized.disconnect();
    this.stopRatio();
    this.pictures.destroy();
    this.points.destroy();
  }

  // Show what Python says. What has to be fetched first leaves the old picture standing until all of it is here.
  async update(data, tell) {
    this.tell = tell;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const wanted = new Map(places.wanted(data.xy, data.n));
    for (const channel of data.channels) {
      wanted.set(channel.codes, "h");
      if (channel.places) wanted.set(channel.places, "b");
      if (channel.listed) wanted.set(channel.listed, "names");
    }
    for (const panel of data.panels) if (panel.peaks) wanted.set(panel.peaks, "i");
    if ([...wanted.keys()].some((digest) => !here(digest))) {
      this.root.dataset.loading = "";
      const wait = (text) => turn === this.turn && this.notice.tell("map", text);
      const slow = setTimeout(() => wait("Loading the map …"), SLOW);
      try {
        await Promise.all([...wanted].map(([digest, kind]) => fetched(digest, kind, () => { clearTimeout(slow); wait(AWAY); })));
      } catch (error) {
        if (turn === this.turn) this.failed(error);
        return;
      } finally {
        clearTimeout(slow);
      }
      if (turn !== this.turn) return; // something newer came
    }
    this.notice.tell("map", "");
    delete this.root.dataset.loading;
    this.data = data;
    this.look = data.look;
    this.font = getComputedStyle(this.root).fontFamily;
    this.stage.setAttribute("aria-label", data.alt);
    this.root.style.setProperty("--muted", this.look.muted);
    if (this.placesKey !== places.keyOf(data.xy)) this.move();
    if (this.grid.ready) this.tries = 0;
    this.selection = data.selected ? maskOf(data.selected, data.n) : null;
    if (this.walk && !(this.walk.panel < data.panels.length && this.walk.at < data.panels[this.walk.panel].picks.length)) this.walk = null;
    this.fill();
    toolbar(this);
    legend(this);
  }

  failed(error) {
    this.tries = (this.tries ?? 0) + 1;
    if (error.message === "missing" && this.tries < 3) this.tell("missing", true); // Python runs again and offers it again
    else this.notice.tell("map", `The map could not be loaded (${error.message}). Reload the page.`);
  }

  // Other coordinates: everything that hangs on the old ones goes.
  move() {
    this.placesKey = places.keyOf(this.data.xy);
    const { xy, exact } = places.places(this.data.xy);
    this.take(xy);
    this.aim(`${this.data.name} ${this.placesKey}`, this.data.xy.frame);
    this.walk = this.outline = this.fan = this.lit = null;
    this.hiddenCodes.clear();
    this.placed = false;
    this.indexed = exact ? this.index() : this.refine();
  }

  take(xy) {
    this.xy = xy;
    this.grid = new Grid(xy, this.data.xy.low, this.data.xy.high);
    this.painted = "";
  }

  // The very coordinates in place of the near ones of the first picture; until then nothing is under the pointer.
  async refine() {
    const key = this.placesKey;
    try {
      const xy = await places.exactPlaces(this.data.xy, () => this.placesKey === key && this.notice.tell("map", AWAY));
      if (this.placesKey !== key || !this.root.isConnected) return;
      this.notice.tell("map", "");
      this.take(xy);
      this.points.movePlaces(xy);
      this.ask();
      await this.index();
    } catch (error) {
      if (this.placesKey !== key) return;
      this.placesKey = undefined; // to be asked for again
      this.failed(error);
    }
  }

  async index() {
    const { grid } = this;
    if (grid.n <= BUILT_AT_ONCE) return void grid.build();
    await grid.buildInSlices(() => this.grid === grid && this.root.isConnected);
    this.ask();
  }

  // Bring the card up to date: places, codes, colours, what is dimmed.
  fill() {
    if (!this.data) return;
    if (!this.placed || !this.points.places) {
      this.points.setPlaces(this.xy);
      this.placed = true;
      this.painted = "";
    }
    this.points.setMask(this.selection && this.selection.map((inside) => (inside ? 255 : DIM)));
    this.panels = this.data.panels.map((spec, index) => ({ spec, index, channel: this.channel(spec.colour ?? this.data.colour) }));
    for (const panel of this.panels) {
      const channel = panel.channel, hidden = this.hiddenCodes.get(channel.name) ?? new Set();
      panel.codes = channel.codes;
      if (!this.points.hasCodes(panel.codes)) this.points.setCodes(panel.codes, here(channel.codes));
      panel.palette = [channel.kind, channel.places, this.look.name, ...hidden].join(" ");
      if (!this.points.hasPalette(panel.palette)) {
        this.points.setPalette(panel.palette, palette(channel, channel.places && here(channel.places), this.look, hidden));
      }
    }
    this.lay();
  }

  channel(name) { return this.data.channels.find((channel) => channel.name === name); }
  peaksOf(index) { return this.data.panels[index].peaks ? here(this.data.panels[index].peaks) : null; }
  codesOf(channel) { return here(channel.codes); }
  isDimmed(row) { return this.selection !== null && !this.selection[row]; }
  say(text) { this.live.textContent = text; }

  // Where the panels are, for the width that there is.
  lay() {
    if (!this.data || !this.stage.clientWidth) return;
    const count = this.panels.length, width = this.stage.clientWidth;
    const fitting = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
    let columns = Math.min(count, fitting, this.data.columns ?? 4);
    if (count > columns) columns = Math.ceil(count / Math.ceil(count / columns)); // 4 in rows of 2, not 3 and 1
    const across = (width - GAP * (columns - 1)) / columns;
    const height = Math.round(Math.min(this.data.height, Math.max(across, NARROWEST)));
    for (const panel of this.panels) {
      const [row, column] = [Math.floor(panel.index / columns), panel.index % columns];
      Object.assign(panel, { x: Math.round(column * (across + GAP)), y: row * (height + TITLE) + TITLE, width: Math.floor(across), height });
    }
    const total = Math.ceil(count / columns) * (height + TITLE) + 1;
    this.stage.style.height = `${total}px`;
    this.ratio = window.devicePixelRatio || 1;
    this.settle();
    for (const canvas of [this.background, this.over]) {
      const [w, h] = [Math.round(width * this.ratio), Math.round(total * this.ratio)];
      if (canvas.width === w && canvas.height === h) continue;
      [canvas.width, canvas.height] = [w, h];
      this.painted = ""; // which has wiped it
    }
    this.ask();
  }

  // Draw at the next frame, once however often it is asked for.
  ask() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    if (!this.data || !this.ratio || !this.root.isConnected) return;
    if (this.ratio !== window.devicePixelRatio) return this.lay(); // not every browser tells of it
    this.paint(this.ratio);
    const context = this.over.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.over.width, this.over.height);
    context.scale(this.ratio, this.ratio);
    this.cover(context);
    this.root.dataset.drawn = ++this.drawn;
    this.root.dataset.camera = [this.camera.x, this.camera.y, this.camera.zoom].map((value) => value.toFixed(4)).join(" ");
  }

  // What lies over the points. context: its unit is a CSS pixel.
  cover(context) {
    const panels = this.placedPanels();
    halo.draw(context, this, panels);
    overlay.draw(context, this, panels);
    edges.draw(context, this, panels);
    fan.draw(context, this, panels);
  }

  pointSize() { return pointLook(this, this.panels[0]).size; }

  placedPanels() {
    return this.panels.map((panel) => ({ ...panel, toScreen: (row) => this.toScreen(panel, row) }));
  }

  paint(ratio) {
    const [cx, cy] = this.centre();
    const { size, strength } = pointLook(this, this.panels[0]);
    const panels = this.panels.map((panel) => {
      const scale = this.scale(panel), [sx, sy] = [(2 * scale) / panel.width, (2 * scale) / panel.height];
      const [x, y, width, height] = [panel.x, panel.y, panel.width, panel.height].map((value) => Math.round(value * ratio));
      return { x, y, width, height, codes: panel.codes, palette: panel.palette, camera: [sx, sy, -cx * sx, -cy * sy] };
    });
    // Other picks leave the points alone, which are most of the work; the browser goes on showing them.
    const wanted = JSON.stringify([ratio, size, strength, panels, this.placesKey, this.data.selected]);
    if (wanted === this.painted) return;
    this.painted = wanted;
    this.points.draw(panels, size * ratio, strength);
  }
}

// [start, length, ...] as one byte per row.
function maskOf(found, n) {
  const mask = new Uint8Array(n);
  for (let at = 0; at < found.length; at += 2) mask.fill(1, found[at], found[at] + found[at + 1]);
  return mask;
}
