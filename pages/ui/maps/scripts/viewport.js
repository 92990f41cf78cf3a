// Where the maps are looked at: one camera for all panels, from the map to the screen and back.
const MARGIN = 0.92, MOST_ZOOM = 400, LEAST_ZOOM = 0.5;
const cameras = new Map(); // outlives the elements, so that zoom survives a change of page

export class Viewport {
  // Other coordinates. key: of the camera that looks at them. frame: [[x, y], [x, y]], corners of what the first view shows.
  aim(key, frame) {
    if (!cameras.has(key)) cameras.set(key, { x: 0.5, y: 0.5, zoom: 1, home: true });
    this.camera = cameras.get(key);
    this.frame99 = frame;
  }

  // Once the panels have their sizes: the first view, while nobody has moved.
  settle() {
    const home = this.home(this.panels[0]);
    this.homeZoom = home.zoom;
    if (this.camera.home) Object.assign(this.camera, home);
  }

  // The camera of the first view.
  home(panel) {
    const { low, high } = this.grid, [from, to] = this.frame99, span = [0, 1].map((axis) => high[axis] - low[axis]);
    const fit = (spans) => Math.min(panel.width / (spans[0] || 1e-9), panel.height / (spans[1] || 1e-9));
    const [x, y] = [0, 1].map((axis) => (span[axis] ? ((from[axis] + to[axis]) / 2 - low[axis]) / span[axis] : 0.5));
    return { x, y, zoom: Math.max(1, fit([to[0] - from[0], to[1] - from[1]]) / fit(span)) };
  }

  goHome() {
    Object.assign(this.camera, this.home(this.panels[0]), { home: true });
    this.ask();
  }

  // Whether the first view leaves something outside.
  isFramed() {
    const { low, high } = this.grid, [from, to] = this.frame99;
    return [0, 1].some((axis) => from[axis] > low[axis] || to[axis] < high[axis]);
  }

  // How many times larger than in the first view.
  nearness() { return this.camera.zoom / this.homeZoom; }

  // Pixels per unit of the map.
  scale(panel) {
    const span = [0, 1].map((axis) => this.grid.high[axis] - this.grid.low[axis]);
    const fit = MARGIN * Math.min(panel.width / (span[0] || 1e-9), panel.height / (span[1] || 1e-9));
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
    Object.assign(this.camera, { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)), home: false });
    this.ask();
  }

  // Zoom around a place inside the panel, which stays where it is.
  zoom(factor, panel = this.panels[0], x = panel.width / 2, y = panel.height / 2) {
    const before = this.toMap(panel, x, y);
    this.camera.zoom = Math.min(MOST_ZOOM * this.homeZoom, Math.max(LEAST_ZOOM, this.camera.zoom * factor));
    const after = this.toMap(panel, x, y), { low, high } = this.grid;
    this.lookAt(
      this.camera.x + (before[0] - after[0]) / (high[0] - low[0] || 1),
      this.camera.y + (before[1] - after[1]) / (high[1] - low[1] || 1),
    );
  }

  fit() {
    Object.assign(this.camera, { x: 0.5, y: 0.5, zoom: 1, home: false });
    this.ask();
  }
}
