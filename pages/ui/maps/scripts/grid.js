// Which point is under the pointer, and which points lie inside an outline, without looking at all of them.
const SLICE = 131_072; // rows, some milliseconds each

export class Grid {
  // low, high: the extent of the coordinates. There is nothing to be found before `build` or `buildInSlices` has ended.
  constructor(xy, low, high) {
    this.xy = xy;
    [this.low, this.high] = [low, high];
    this.n = xy.length / 2;
    this.ready = false;
    this.side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(this.n / 2))));
    this.step = [0, 1].map((axis) => (high[axis] - low[axis]) / this.side || 1);
  }

  build() {
    for (const _ of this.slices()) ;
    return this;
  }

  // The same, and the page stays awake meanwhile; `wanted` says whether to go on.
  async buildInSlices(wanted) {
    for (const _ of this.slices()) {
      await new Promise((resume) => setTimeout(resume));
      if (!wanted()) return;
    }
  }

  *slices() {
    const { n } = this, cell = new Uint32Array(n), start = new Uint32Array(this.side * this.side + 1), rows = new Uint32Array(n);
    for (let from = 0; from < n; from += SLICE) {
      this.count(cell, start, from, Math.min(n, from + SLICE));
      yield;
    }
    for (let c = 0; c < this.side * this.side; c++) start[c + 1] += start[c];
    const next = start.slice();
    for (let from = 0; from < n; from += SLICE) {
      for (let i = from; i < Math.min(n, from + SLICE); i++) rows[next[cell[i]]++] = i;
      yield;
    }
    Object.assign(this, { start, rows, ready: true });
  }

  count(cell, start, from, to) {
    for (let i = from; i < to; i++) {
      cell[i] = this.column(this.xy[2 * i + 1], 1) * this.side + this.column(this.xy[2 * i], 0);
      start[cell[i] + 1]++;
    }
  }

  column(value, axis) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((value - this.low[axis]) / this.step[axis])));
  }

  // Calls visit(row, x, y) for each point of a closed rectangle.
  visit(x0, y0, x1, y1, visit) {
    if (!this.ready) return;
    for (let cy = this.column(y0, 1); cy <= this.column(y1, 1); cy++) {
      for (let cx = this.column(x0, 0); cx <= this.column(x1, 0); cx++) {
        const cell = cy * this.side + cx;
        for (let at = this.start[cell]; at < this.start[cell + 1]; at++) {
          const row = this.rows[at], x = this.xy[2 * row], y = this.xy[2 * row + 1];
          if (x >= x0 && x <= x1 && y >= y0 && y <= y1) visit(row, x, y);
        }
      }
    }
  }

  // How many points a closed rectangle holds; only cells that its rim cuts are looked into.
  within(x0, y0, x1, y1) {
    if (!this.ready || x1 < this.low[0] || x0 > this.high[0] || y1 < this.low[1] || y0 > this.high[1]) return 0;
    const [left, right, bottom, top] = [this.column(x0, 0), this.column(x1, 0), this.column(y0, 1), this.column(y1, 1)];
    let found = 0;
    const look = (from, to) => {
      for (let at = this.start[from]; at < this.start[to]; at++) {
        const x = this.xy[2 * this.rows[at]], y = this.xy[2 * this.rows[at] + 1];
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1) found++;
      }
    };
    for (let cy = bottom; cy <= top; cy++) {
      const row = cy * this.side;
      if (cy === bottom || cy === top || right - left < 2) look(row + left, row + right + 1);
      else {
        look(row + left, row + left + 1);
        look(row + right, row + right + 1);
        found += this.start[row + right] - this.start[row + left + 1];
      }
    }
    return found;
  }

  // The nearest row within reach, or -1; of equally near ones the lowest.
  nearest(x, y, reach) {
    let best = -1, least = reach * reach;
    this.visit(x - reach, y - reach, x + reach, y + reach, (row, px, py) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least || (distance === least && (best < 0 || row < best))) [best, least] = [row, distance];
    });
    return best;
  }

  // Rows inside a closed outline [[x, y], ...], ascending; even-odd rule.
  inside(outline) {
    const xs = outline.map((p) => p[0]), ys = outline.map((p) => p[1]);
    const rows = [];
    this.visit(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (row, x, y) => {
      let odd = false;
      for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
        const [xi, yi] = outline[i], [xj, yj] = outline[j];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
      }
      if (odd) rows.push(row);
    });
    return rows.sort((a, b) => a - b);
  }
}

// Ascending rows as [start, length, start, length, ...].
export function ranges(rows) {
  const found = [];
  for (const row of rows) {
    if (found.length && found.at(-2) + found.at(-1) === row) found[found.length - 1]++;
    else found.push(row, 1);
  }
  return found;
}
