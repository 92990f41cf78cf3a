// Squares on the screen that are taken already, by where they are.
const LINE = 2 ** 24; // more than there are steps in a line

export class Room {
  // step: about the side of a square.
  constructor(step) {
    this.step = step;
    this.widest = 0;
    this.taken = new Map();
  }

  add(one) {
    const key = Math.floor(one.y / this.step) * LINE + Math.floor(one.x / this.step);
    this.widest = Math.max(this.widest, one.side);
    if (this.taken.has(key)) this.taken.get(key).push(one);
    else this.taken.set(key, [one]);
  }

  // Whether it and any other have no more than that share of the smaller of both in common.
  fits(one, share) {
    for (const other of this.near(one)) {
      const wide = Math.min(one.x + one.side, other.x + other.side) - Math.max(one.x, other.x);
      const high = Math.min(one.y + one.side, other.y + other.side) - Math.max(one.y, other.y);
      if (wide > 0 && high > 0 && wide * high > share * Math.min(one.side, other.side) ** 2) return false;
    }
    return true;
  }

  *near({ x, y, side }) {
    const [left, low] = [x - this.widest, y - this.widest].map((value) => Math.floor(value / this.step));
    const [right, high] = [x + side, y + side].map((value) => Math.floor(value / this.step));
    for (let cy = low; cy <= high; cy++) for (let cx = left; cx <= right; cx++) yield* this.taken.get(cy * LINE + cx) ?? [];
  }
}
