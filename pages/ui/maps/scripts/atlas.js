// Small pictures of rows: many come in one image, and the last of them stay on a sheet, whichever map wants them.
const COLUMNS = 20, ACROSS = 30, SHEETS = 3; // tiles in a line of what comes and of a sheet; sheets that are kept
const FEWEST = 16, MOST = 300, FAST = 400, SLOW = 1500, PAUSE = 90, AGAIN = 4000; // tiles per request; milliseconds
const sheets = new Map();

// The sheet for an address with {side} and {rows} in it; it outlives the elements.
export function sheetOf(address, side) {
  const key = `${side} ${address}`, found = sheets.get(key) ?? new Sheet(side);
  sheets.delete(key);
  sheets.set(key, found); // the last to be dropped
  for (const oldest of sheets.keys()) if (sheets.size > SHEETS) sheets.delete(oldest);
  return found;
}

class Sheet {
  constructor(side) {
    this.side = side;
    this.slots = new Map(); // by row, the one that was wanted longest ago first
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.canvas.height = 1; // until there is something
  }

  has(row) { return this.slots.has(row); }

  // So that it is not among the next to go.
  touch(row) {
    const slot = this.slots.get(row);
    if (slot === undefined) return false;
    this.slots.delete(row);
    this.slots.set(row, slot);
    return true;
  }

  put(image, rows) {
    const { side } = this;
    if (this.canvas.width === 1) this.canvas.width = this.canvas.height = ACROSS * side;
    const context = this.canvas.getContext("2d");
    rows.forEach((row, at) => {
      const slot = this.slots.get(row) ?? this.free();
      this.slots.set(row, slot);
      const [x, y] = [(slot % ACROSS) * side, Math.floor(slot / ACROSS) * side];
      context.drawImage(image, (at % COLUMNS) * side, Math.floor(at / COLUMNS) * side, side, side, x, y, side, side);
    });
  }

  free() {
    if (this.slots.size < ACROSS * ACROSS) return this.slots.size;
    const [oldest, slot] = this.slots.entries().next().value;
    this.slots.delete(oldest);
    return slot;
  }

  draw(context, row, x, y, side) {
    const slot = this.slots.get(row), own = this.side;
    context.drawImage(this.canvas, (slot % ACROSS) * own, Math.floor(slot / ACROSS) * own, own, own, x, y, side, side);
  }
}

// Fetches what a map wants: one request at a time, as many tiles in it as the server makes in a moment.
export class Loader {
  // arrived(failed): something has come, or has not.
  constructor(address, side, arrived) {
    this.address = address;
    this.sheet = sheetOf(address, side);
    this.arrived = arrived;
    this.wanted = [];
    this.batch = 64;
    this.pausedUntil = 0;
  }

  // rows: the most important first. The newest wish counts when the time has come.
  want(rows) {
    this.wanted = rows;
    const missing = rows.filter((row) => !this.sheet.touch(row)); // all are touched
    if (missing.length && performance.now() >= this.pausedUntil) this.timer ??= setTimeout(() => this.ask(), PAUSE);
  }

  async ask() {
    const rows = this.wanted.filter((row) => !this.sheet.has(row)).slice(0, this.batch).sort((a, b) => a - b);
    if (!rows.length) return (this.timer = undefined);
    const start = performance.now(), stopped = (this.stopped = new AbortController());
    try {
      const address = this.address.replace("{side}", this.sheet.side).replace("{rows}", rows.join(","));
      const response = await fetch(new URL(address, document.baseURI), { signal: stopped.signal });
      // An unknown address gets the page itself, with status 200.
      if (!response.ok || response.headers.get("content-type") !== "image/jpeg") throw new Error(`status ${response.status}`);
      const image = await createImageBitmap(await response.blob());
      if (stopped.signal.aborted) return;
      this.sheet.put(image, rows);
      image.close();
    } catch (error) {
      if (stopped.signal.aborted) return;
      this.pausedUntil = performance.now() + AGAIN; // and then only when the map is drawn anew
    }
    const took = performance.now() - start;
    if (took < FAST) this.batch = Math.min(MOST, 2 * this.batch);
    else if (took > SLOW) this.batch = Math.max(FEWEST, Math.floor(this.batch / 2));
    this.timer = undefined;
    this.arrived(this.pausedUntil > start);
  }

  stop() {
    clearTimeout(this.timer);
    this.stopped?.abort();
  }
}
