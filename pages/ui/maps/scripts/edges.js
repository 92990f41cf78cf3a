// What lies outside the view: counted at the edge that it lies behind, told to those who cannot see it, and a click away.
import { pickLook } from "./marks.js";

const SIDES = ["left", "right", "top", "bottom"], WORDS = { left: "to the left", right: "to the right", top: "above", bottom: "below" };
const HEIGHT = 18, AWAY = 5, TIP = 9; // pixels
const ALONG = [0.5, 0.35, 0.65, 0.2, 0.8]; // of an edge, where a label may be: the first that hides no pick

// { left, right, top, bottom }: how many points lie behind each edge; what lies left or right counts there, high or low.
export function counts(view, panel) {
  const [x0, y1] = view.toMap(panel, 0, 0), [x1, y0] = view.toMap(panel, panel.width, panel.height), { grid } = view;
  const key = [x0, y0, x1, y1].join(" ");
  if (view.counted?.key !== key || view.counted.grid !== grid || view.counted.ready !== grid.ready) {
    const across = grid.within(x0, -Infinity, x1, Infinity);
    view.counted = { key, grid, ready: grid.ready, found: grid.ready ? {
      left: grid.n - grid.within(x0, -Infinity, Infinity, Infinity),
      right: grid.n - grid.within(-Infinity, -Infinity, x1, Infinity),
      top: across - grid.within(x0, -Infinity, x1, y1),
      bottom: across - grid.within(x0, y0, x1, Infinity),
    } : { left: 0, right: 0, top: 0, bottom: 0 } };
  }
  return view.counted.found;
}

// The edge that a point of the map lies behind; undefined for those in view.
export function behind(view, panel, x, y) {
  const [x0, y1] = view.toMap(panel, 0, 0), [x1, y0] = view.toMap(panel, panel.width, panel.height);
  return x < x0 ? "left" : x > x1 ? "right" : y > y1 ? "top" : y < y0 ? "bottom" : undefined;
}

// Labels at the edges; leaves what a click may hit in view.edges.
export function draw(context, view, panels) {
  view.edges = [];
  for (const panel of panels) {
    const found = counts(view, panel), picks = picksBehind(view, panel);
    for (const side of SIDES) if (found[side]) label(context, view, panel, side, words(found[side], picks[side]));
  }
  const told = sentence(view);
  if (view.stage.getAttribute("aria-description") !== told) view.stage.setAttribute("aria-description", told);
}

function picksBehind(view, panel) {
  const found = {};
  for (const row of panel.spec.picks) {
    const side = behind(view, panel, view.xy[2 * row], view.xy[2 * row + 1]);
    if (side) found[side] = (found[side] ?? 0) + 1;
  }
  return found;
}

const counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const words = (images, picks) => counted(images, "image") + (picks ? `, ${counted(picks, "pick")}` : "");

function label(context, view, panel, side, text) {
  context.font = `11px ${view.font}`;
  const width = Math.min(context.measureText(text).width + TIP + 14, panel.width), [left, top] = corner(view, panel, side, width);
  context.beginPath();
  context.roundRect(left, top, width, HEIGHT, HEIGHT / 2);
  context.globalAlpha = 0.88;
  context.fillStyle = view.look.background;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1;
  context.strokeStyle = view.look.rule;
  context.stroke();
  context.fillStyle = view.look.text;
  const atEnd = side === "right", y = top + HEIGHT / 2;
  tip(context, side, atEnd ? left + width - TIP - 1 : left + TIP + 1, y);
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, left + (atEnd ? 8 : TIP + 8), y + 0.5, width - TIP - 12);
  view.edges.push({ panel: panel.index, side, text: `${text} ${WORDS[side]} of this view: click to move there`, box: [left, top, left + width, top + HEIGHT] });
}

// The upper left corner of a label.
function corner(view, panel, side, width) {
  const at = (share) => [
    { left: panel.x + AWAY, right: panel.x + panel.width - width - AWAY }[side] ?? panel.x + share * (panel.width - width),
    { top: panel.y + AWAY, bottom: panel.y + panel.height - HEIGHT - AWAY }[side] ?? panel.y + share * (panel.height - HEIGHT),
  ];
  const seen = view.hiddenMethods.has(panel.spec.style.label) ? [] : panel.spec.picks.map((row) => view.toScreen(panel, row));
  const { radius } = pickLook(view, panel);
  const hides = (share) => {
    const [left, top] = at(share);
    return seen.some(([x, y]) => x > left - radius && x < left + width + radius && y > top - radius && y < top + HEIGHT + radius);
  };
  return at(ALONG.find((share) => !hides(share)) ?? ALONG[0]);
}

// A small triangle that points that way.
function tip(context, side, x, y) {
  const turn = { left: Math.PI, right: 0, top: -Math.PI / 2, bottom: Math.PI / 2 }[side];
  context.beginPath();
  for (const [along, across] of [[4, 0], [-2.5, -3.8], [-2.5, 3.8]]) {
    context.lineTo(x + along * Math.cos(turn) - across * Math.sin(turn), y + along * Math.sin(turn) + across * Math.cos(turn));
  }
  context.fill();
}

// The label under a place of the stage.
export function labelAt(view, x, y) {
  return view.edges?.find(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
}

// To the image behind that edge which is nearest to it.
export function follow(view, { panel: index, side }) {
  const panel = view.panels[index], axis = side === "left" || side === "right" ? 0 : 1, sign = side === "left" || side === "bottom" ? -1 : 1;
  let nearest = -1, least = Infinity;
  for (let row = 0; row < view.grid.n; row++) {
    const away = sign * view.xy[2 * row + axis];
    if (away < least && behind(view, panel, view.xy[2 * row], view.xy[2 * row + 1]) === side) [nearest, least] = [row, away];
  }
  if (nearest < 0) return;
  const { low, high } = view.grid, at = [0, 1].map((of) => (view.xy[2 * nearest + of] - low[of]) / (high[of] - low[of] || 1));
  view.lookAt(...at);
  view.say(sentence(view));
}

// What is in view, and where the rest is.
export function sentence(view) {
  const found = counts(view, view.panels[0]), out = SIDES.filter((side) => found[side]);
  if (!view.grid.ready) return "";
  const all = view.grid.n, missing = out.reduce((sum, side) => sum + found[side], 0);
  if (!missing) return `All ${counted(all, "image")} in view.`;
  const where = out.map((side) => `${found[side].toLocaleString("en")} ${WORDS[side]}`).join(", ");
  return `${(all - missing).toLocaleString("en")} of ${counted(all, "image")} in view; ${where}.`;
}
