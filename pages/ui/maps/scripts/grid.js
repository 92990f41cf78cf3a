// Which point is under the pointer, and which points lie inside an outline, without looking at all of them.
export class Grid {
  constructor(xy) {
    const n = xy.length / 2;
    this.xy = xy;
    this.low = [Infinity, Infinity];
    this.high = [-Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      for (let axis = 0; axis < 2; axis++) {
        const value = xy[2 * i + axis];
        if (value < this.low[axis]) this.low[axis] = value;
        if (value > this.high[axis]) this.high[axis] = value;
      }
    }
    this.side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(n / 2))));
    this.step = [0, 1].map((axis) => (this.high[axis] - this.low[axis]) / this.side || 1);
    const cell = new Uint32Array(n);
    this.start = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) {
      cell[i] = this.column(xy[2 * i + 1], 1) * this.side + this.column(xy[2 * i], 0);
      this.start[cell[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.start[c + 1] += this.start[c];
    const next = this.start.slice();
    this.rows = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.rows[next[cell[i]]++] = i;
  }

  column(value, axis) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((value - this.low[axis]) / this.step[axis])));
  }

  // Calls visit(row, x, y) for each point of a rectangle.
  visit(x0, y0, x1, y1, visit) {
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
