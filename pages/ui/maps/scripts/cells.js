// Which images stand for all: of each cell of a grid the best one. Cells are anchored in the map, not on the screen, and those of
// a level are quarters of those of the level above: moving changes nothing, and zooming in only adds.
const BLOCK = 8, KEPT = 2000; // cells that are looked through at a time, in a row; blocks that are remembered

export class Cells {
  // grid: of the points. rank(row): the higher the better; below 0 it stands for nobody.
  constructor(grid, rank) {
    this.grid = grid;
    this.rank = rank;
    this.blocks = new Map();
  }

  // [{ row, rank, x, y }] of the cells that touch a rectangle of the map; x and y are the lower corner of the cell, whose side
  // is 2 ** -level.
  within(level, x0, y0, x1, y1) {
    const step = BLOCK * 2 ** -level, found = [];
    for (let by = Math.floor(y0 / step); by <= Math.floor(y1 / step); by++) {
      for (let bx = Math.floor(x0 / step); bx <= Math.floor(x1 / step); bx++) {
        for (const cell of this.block(level, bx, by)) {
          if (cell.x < x1 && cell.y < y1 && cell.x + step / BLOCK > x0 && cell.y + step / BLOCK > y0) found.push(cell);
        }
      }
    }
    return found;
  }

  block(level, bx, by) {
    const key = `${level} ${bx} ${by}`;
    if (this.blocks.has(key)) return this.blocks.get(key);
    if (this.blocks.size >= KEPT) this.blocks.clear();
    const side = 2 ** -level, best = new Map(), { rank } = this;
    const [left, low] = [bx * BLOCK, by * BLOCK];
    this.grid.visit(left * side, low * side, (left + BLOCK) * side, (low + BLOCK) * side, (row, x, y) => {
      const [cx, cy] = [Math.floor(x / side) - left, Math.floor(y / side) - low];
      if (cx < 0 || cy < 0 || cx >= BLOCK || cy >= BLOCK) return; // on the rim, of the next one
      const value = rank(row), at = cy * BLOCK + cx, so_far = best.get(at);
      if (value < 0 || (so_far && (so_far.rank > value || (so_far.rank === value && so_far.row < row)))) return;
      best.set(at, { row, rank: value, x: (left + cx) * side, y: (low + cy) * side });
    });
    const found = [...best.values()];
    this.blocks.set(key, found);
    return found;
  }
}
