// What lies over the points: frames, titles, peaks, arrows, picks with their ranks, the pinned image, the outline being drawn.
import { labels } from "./labels.js";
import { pickLook } from "./marks.js";

const FAINT_RIM = 3.5; // pixels from the middle to the rim

// context: its unit is a CSS pixel. panels: with { x, y, width, height } and toScreen(row). Nothing here keeps anything.
export function draw(context, view, panels) {
  for (const panel of panels) {
    context.save();
    context.beginPath();
    context.rect(panel.x, panel.y, panel.width, panel.height);
    context.clip();
    if (view.peaksShown) peaks(context, view, panel);
    const framed = view.pictures.draw(context, panel);
    arrows(context, view, panel);
    const { radius } = pickLook(view, panel), written = labels(context, view, panel, ranked(view, panel.spec.picks.length), radius);
    const shown = view.hiddenMethods.has(panel.spec.style.label) ? [] : picks(context, view, panel, framed);
    ranks(context, view, panel, view.pictures.free(panel, shown), written);
    if (view.data.pinned !== null) ring(context, view, panel, view.data.pinned, Math.max(7, radius + 4.5), view.look.accent);
    if (view.walk && view.walk.panel === panel.index) ring(context, view, panel, panel.spec.picks[view.walk.at], Math.max(9, radius + 6.5), view.look.text);
    if (view.outline && view.outline.panel === panel.index) outline(context, view, panel);
    context.restore();
    frame(context, view, panel);
  }
}

// corners: [x, y] each, in units of the radius; none: a circle.
export function marker(context, corners, x, y, r) {
  context.beginPath();
  for (const corner of corners) context.lineTo(x + r * corner[0], y + r * corner[1]);
  if (!corners.length) context.arc(x, y, r, 0, 2 * Math.PI);
  context.closePath();
}

function picks(context, view, panel, framed) {
  const { style } = panel.spec, shown = [], { radius, outline } = pickLook(view, panel);
  context.lineWidth = outline;
  context.strokeStyle = view.look.outline;
  context.fillStyle = style.colour;
  panel.spec.picks.forEach((row, at) => {
    if (framed.has(at)) return;
    const [x, y] = panel.toScreen(row);
    if (!inside(panel, x, y, 12)) return;
    context.globalAlpha = view.isDimmed(row) ? 0.3 : 1;
    marker(context, style.corners, x, y, radius);
    context.fill();
    if (radius < FAINT_RIM) context.globalAlpha *= 0.6; // a full one would be most of the mark
    context.stroke();
    shown.push([at, x, y]);
  });
  context.globalAlpha = 1;
  return shown;
}

function ranked(view, count) { return view.nearness() >= 1.5 || count <= 15; }

// Ranks where there is room for them: never one over another, nor over a name.
function ranks(context, view, panel, shown, taken) {
  if (!ranked(view, shown.length)) return;
  context.font = `12px ${view.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const [at, x, y] of shown) {
    const text = String(at + 1), width = context.measureText(text).width;
    const box = [x + 9, y - 7, x + 11 + width, y + 7];
    if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
    taken.push(box);
    words(context, view, text, x + 10, y);
  }
}

function words(context, view, text, x, y) {
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = view.look.background;
  context.strokeText(text, x, y);
  context.fillStyle = view.look.text;
  context.fillText(text, x, y);
}

function peaks(context, view, panel) {
  const rows = view.peaksOf(panel.index);
  if (!rows) return;
  context.lineWidth = 1.5;
  context.strokeStyle = view.look.text;
  context.beginPath();
  for (const row of rows) {
    const [x, y] = panel.toScreen(row);
    if (!inside(panel, x, y, 6)) continue;
    context.moveTo(x + 4, y);
    context.arc(x, y, 4, 0, 2 * Math.PI);
  }
  context.stroke();
}

function arrows(context, view, panel) {
  for (const [from, to] of panel.spec.arrows) {
    const [x0, y0] = panel.toScreen(from), [x1, y1] = panel.toScreen(to);
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 1) continue;
    const end = Math.max(length - 9, 0) / length, [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
    const [tipX, tipY] = [x0 + (x1 - x0) * end, y0 + (y1 - y0) * end];
    context.beginPath();
    context.moveTo(x0 + 3, y0);
    context.arc(x0, y0, 3, 0, 2 * Math.PI); // where the pick was
    context.moveTo(x0, y0);
    context.lineTo(tipX, tipY);
    context.lineTo(tipX - 7 * ux + 4 * uy, tipY - 7 * uy - 4 * ux);
    context.moveTo(tipX, tipY);
    context.lineTo(tipX - 7 * ux - 4 * uy, tipY - 7 * uy + 4 * ux);
    for (const [width, colour] of [[4, view.look.background], [1.6, view.look.text]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }
}

function ring(context, view, panel, row, radius, colour) {
  if (view.pictures.ring(context, panel, row, colour)) return;
  context.beginPath();
  context.arc(...panel.toScreen(row), radius, 0, 2 * Math.PI);
  for (const [width, stroke] of [[5, view.look.background], [2.5, colour]]) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.stroke();
  }
}

function outline(context, view, panel) {
  context.beginPath();
  for (const point of view.outline.points) context.lineTo(panel.x + point[0], panel.y + point[1]);
  context.closePath();
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.strokeStyle = view.look.text;
  context.stroke();
  context.setLineDash([]);
}

function frame(context, view, panel) {
  context.lineWidth = 1;
  context.strokeStyle = view.look.rule;
  context.strokeRect(panel.x + 0.5, panel.y + 0.5, panel.width - 1, panel.height - 1);
  context.font = `600 14px ${view.font}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = view.look.text;
  context.fillText(shortened(context, panel.spec.title, panel.width), panel.x, panel.y - 7);
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const letters = [...text];
  while (letters.length > 1 && context.measureText(`${letters.join("")}…`).width > width) letters.pop();
  return `${letters.join("")}…`;
}

function inside(panel, x, y, margin) {
  return x > panel.x - margin && x < panel.x + panel.width + margin && y > panel.y - margin && y < panel.y + panel.height + margin;
}
