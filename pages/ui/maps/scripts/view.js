// One map component: its elements, what it was told last, and drawing when something changed.
import { fetched, here } from "./arrays.js";
import { Card } from "./card.js";
import { Grid } from "./grid.js";
import { legend } from "./legend.js";
import * as overlay from "./overlay.js";
import { palette } from "./palette.js";
import { Points } from "./points.js";
import { listen } from "./pointer.js";
import { toolbar } from "./toolbar.js";

const NARROWEST = 240, GAP = 14, TITLE = 24, MOST_ZOOM = 400, DIM = 22;
const cameras = new Map(); // outlives the elements, so that zoom survives a change of page

export class View {
  constructor(parent) {
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
    this.key = this.add("div", "key");
    this.tool = "pan";
    this.hiddenCodes = new Map(); // channel name -> codes that the legend dims
    this.hiddenMethods = new Set();
    this.peaksShown = true;
    this.drawn = 0;
    this.painted = ""; // what the points on the screen were drawn for
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
    this.points.destroy();
  }

  // Show what Python says. What has to be fetched first leaves the old picture standing until all of it is here.
  async update(data, tell) {
    this.tell = tell;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const wanted = new Map([[data.xy, "f"]]);
    for (const channel of data.channels) {
      wanted.set(channel.codes, "h");
      if (channel.places) wanted.set(channel.places, "b");
    }
    for (const panel of data.panels) if (panel.peaks) wanted.set(panel.peaks, "i");
    if ([...wanted.keys()].some((digest) => !here(digest))) {
      this.root.dataset.loading = "";
      try {
        await Promise.all([...wanted].map(([digest, kind]) => fetched(digest, kind)));
      } catch (error) {
        if (turn !== this.turn) return;
        this.tries = (this.tries ?? 0) + 1;
        if (error.message === "missing" && this.tries < 3) tell("missing", true); // Python runs again and offers it again
        else this.say(`The map could not be loaded (${error.message}). Reload the page.`);
        return;
      }
      if (turn !== this.turn) return; // something newer came
    }
    delete this.root.dataset.loading;
    this.tries = 0;
    this.data = data;
    this.look = data.look;
    this.font = getComputedStyle(this.root).fontFamily;
    this.stage.setAttribute("aria-label", data.alt);
    this.root.style.setProperty("--muted", this.look.muted);
    const xy = here(data.xy);
    if (this.xy !== xy) this.move(xy);
    this.selection = data.selected ? maskOf(data.selected, data.n) : null;
    if (this.walk && !(this.walk.panel < data.panels.length && this.walk.at < data.panels[this.walk.panel].picks.length)) this.walk = null;
    this.fill();
    toolbar(this);
    legend(this);
  }

  // Other coordinates: everything that hangs on the old ones goes.
  move(xy) {
    this.xy = xy;
    this.grid = new Grid(xy);
    this.cameraKey = `${this.data.name} ${this.data.xy}`;
    if (!cameras.has(this.cameraKey)) cameras.set(this.cameraKey, { x: 0.5, y: 0.5, zoom: 1 });
    this.camera = cameras.get(this.cameraKey);
    this.walk = this.outline = null;
    this.hiddenCodes.clear();
    this.placed = false;
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
    for (const canvas of [this.background, this.over]) {
      const [w, h] = [Math.round(width * this.ratio), Math.round(total * this.ratio)];
      if (canvas.width === w && canvas.height === h) continue;
      [canvas.width, canvas.height] = [w, h];
      this.painted = ""; // which has wiped it
    }
    this.ask();
  }

  // Pixels per unit of the map.
  scale(panel) {
    const span = [0, 1].map((axis) => this.grid.high[axis] - this.grid.low[axis]);
    const fit = 0.92 * Math.min(panel.width / (span[0] || 1e-9), panel.height / (span[1] || 1e-9));
    return (span[0] || span[1] ? fit : 1) * this.camera.zoom;
  }

  // The point of the map in the middle of each panel.
  centre() {
    const { low, high } = this.grid;
    return [low[0] + this.camera.x * (high[0] - low[0]), low[1] + this.camera.y * (high[1] - low[1])];
  }

  toScreen(panel, row) {
    const scale = this.scale(panel), [cx, cy] = this.centre();
    return [panel.x + panel.width / 2 + (this.xy[2 * row] - cx) * scale, panel.y + panel.height / 2 - (this.xy[2 * row + 1] - cy) * scale];
  }

  // From a place inside the panel to the map.
  toMap(panel, x, y) {
    const scale = this.scale(panel), [cx, cy] = this.centre();
    return [cx + (x - panel.width / 2) / scale, cy - (y - panel.height / 2) / scale];
  }

  panelAt(x, y) { return this.panels?.find((p) => x >= p.x && x <= p.x + p.width && y >= p.y && y <= p.y + p.height); }

  // Move by pixels.
  pan(panel, dx, dy) {
    const scale = this.scale(panel), { low, high } = this.grid;
    this.lookAt(this.camera.x - dx / scale / (high[0] - low[0] || 1), this.camera.y + dy / scale / (high[1] - low[1] || 1));
  }

  lookAt(x, y) {
    [this.camera.x, this.camera.y] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    this.ask();
  }

  // Zoom around a place inside the panel, which stays where it is.
  zoom(factor, panel = this.panels[0], x = panel.width / 2, y = panel.height / 2) {
    const before = this.toMap(panel, x, y);
    this.camera.zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.camera.zoom * factor));
    const after = this.toMap(panel, x, y), { low, high } = this.grid;
    this.lookAt(
      this.camera.x + (before[0] - after[0]) / (high[0] - low[0] || 1),
      this.camera.y + (before[1] - after[1]) / (high[1] - low[1] || 1),
    );
  }

  fit() {
    Object.assign(this.camera, { x: 0.5, y: 0.5, zoom: 1 });
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
    overlay.draw(context, this, this.placedPanels());
    this.root.dataset.drawn = ++this.drawn;
    this.root.dataset.camera = [this.camera.x, this.camera.y, this.camera.zoom].map((value) => value.toFixed(4)).join(" ");
  }

  placedPanels() {
    return this.panels.map((panel) => ({ ...panel, toScreen: (row) => this.toScreen(panel, row) }));
  }

  paint(ratio) {
    const [cx, cy] = this.centre();
    const size = Math.max(2.5, Math.min(5, 160 / Math.sqrt(this.data.n))) * Math.min(3, Math.max(1, this.camera.zoom ** 0.25));
    const panels = this.panels.map((panel) => {
      const scale = this.scale(panel), [sx, sy] = [(2 * scale) / panel.width, (2 * scale) / panel.height];
      const [x, y, width, height] = [panel.x, panel.y, panel.width, panel.height].map((value) => Math.round(value * ratio));
      return { x, y, width, height, codes: panel.codes, palette: panel.palette, camera: [sx, sy, -cx * sx, -cy * sy] };
    });
    // Other picks leave the points alone, which are most of the work; the browser goes on showing them.
    const wanted = JSON.stringify([ratio, size, panels, this.data.xy, this.data.selected]);
    if (wanted === this.painted) return;
    this.painted = wanted;
    this.points.draw(panels, size * ratio);
  }

  // The whole component as a picture, twice as fine as the screen shows it.
  picture() {
    const ratio = 2 * this.ratio, canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.stage.clientWidth, this.stage.clientHeight].map((value) => Math.round(value * ratio));
    const context = canvas.getContext("2d");
    context.fillStyle = this.look.background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    const size = [this.background.width, this.background.height];
    [this.background.width, this.background.height] = [canvas.width, canvas.height];
    this.paint(ratio);
    context.drawImage(this.background, 0, 0);
    [this.background.width, this.background.height] = size;
    this.painted = "";
    context.scale(ratio, ratio);
    overlay.draw(context, this, this.placedPanels());
    this.ask();
    return canvas;
  }
}

// [start, length, ...] as one byte per row.
function maskOf(found, n) {
  const mask = new Uint8Array(n);
  for (let at = 0; at < found.length; at += 2) mask.fill(1, found[at], found[at] + found[at + 1]);
  return mask;
}
