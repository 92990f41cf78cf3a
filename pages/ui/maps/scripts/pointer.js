// Mouse, finger, pen and keys.
import * as edges from "./edges.js";
import * as fan from "./fan.js";
import { ranges } from "./grid.js";
import * as halo from "./halo.js";
import { pickLook } from "./marks.js";

const REACH = 12, LEAST_REACH = 6, MOST_REACH = 11, STILL = 4; // pixels

export function listen(view) {
  const { stage } = view, down = new Map();
  let drag = null;

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !view.data) return;
    const [x, y] = place(event), panel = view.panelAt(x, y);
    if (!panel) return;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, [x, y]);
    view.card.hide();
    const tool = event.shiftKey && view.data.selectable ? "lasso" : view.tool;
    drag = down.size > 1 ? { pinch: true, panel } : { panel, tool, from: [x, y], last: [x, y], moved: false };
    if (!drag.pinch && tool !== "pan") view.outline = { panel: panel.index, points: [] };
  });

  stage.addEventListener("pointermove", (event) => {
    if (!view.data) return;
    const now = place(event);
    if (!drag || !down.has(event.pointerId)) {
      if (event.pointerType !== "touch") hover(view, now);
      return;
    }
    if (drag.pinch) {
      const before = [...down.values()];
      down.set(event.pointerId, now);
      pinch(view, drag.panel, before, [...down.values()]);
      return;
    }
    down.set(event.pointerId, now);
    drag.moved ||= Math.hypot(now[0] - drag.from[0], now[1] - drag.from[1]) > STILL;
    if (!drag.moved) return;
    leave(view);
    if (drag.tool === "pan") view.pan(drag.panel, now[0] - drag.last[0], now[1] - drag.last[1]);
    else trace(view, drag, now);
    drag.last = now;
  });

  const up = (event) => {
    down.delete(event.pointerId);
    const done = drag;
    if (down.size) return;
    drag = null;
    if (!done || done.pinch || event.type === "pointercancel") view.outline = null;
    else if (!done.moved) click(view, place(event), event.pointerType === "touch");
    else if (done.tool !== "pan") select(view, done.panel);
    view.ask();
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => leave(view));
  stage.addEventListener("wheel", (event) => {
    const [x, y] = place(event), panel = view.panelAt(x, y);
    if (!panel) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    view.zoom(Math.exp(-0.0016 * lines * event.deltaY), panel, x - panel.x, y - panel.y);
    leave(view);
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => {
    const [x, y] = place(event), panel = view.panelAt(x, y);
    if (panel) view.zoom(2, panel, x - panel.x, y - panel.y);
  });
  stage.addEventListener("keydown", (event) => { if (view.data && pressed(view, event)) event.preventDefault(); });
}

// The row under a place: a pick of the panel before anything else.
export function rowAt(view, [x, y]) {
  const panel = view.panelAt(x, y);
  if (!panel) return [null, -1];
  const fanned = fan.rowUnder(view, panel, x, y);
  if (fanned !== undefined) return [panel, fanned];
  let best = view.pictures.rowAt(panel, x, y, true), least = Math.min(MOST_REACH, Math.max(LEAST_REACH, pickLook(view, panel).radius + 4));
  if (best < 0 && !view.hiddenMethods.has(panel.spec.style.label)) {
    for (const row of panel.spec.picks) {
      const [px, py] = view.toScreen(panel, row), distance = Math.hypot(px - x, py - y);
      if (distance < least) [best, least] = [row, distance];
    }
  }
  if (best < 0) best = view.pictures.rowAt(panel, x, y, false);
  if (best < 0) {
    const [mx, my] = view.toMap(panel, x - panel.x, y - panel.y);
    best = view.grid.nearest(mx, my, REACH / view.scale(panel));
  }
  return [panel, best];
}

// Nothing is under the pointer any more.
function leave(view) {
  view.card.hide();
  view.stage.title = "";
  fan.close(view);
  halo.dark(view);
}

function hover(view, place) {
  const label = edges.labelAt(view, ...place);
  view.stage.title = label?.text ?? "";
  view.stage.style.cursor = label ? "pointer" : view.tool === "pan" ? "grab" : "crosshair";
  if (label) {
    view.card.hide();
    return;
  }
  const [panel, row] = rowAt(view, place);
  if (row >= 0) view.stage.style.cursor = "pointer";
  const within = panel && fan.rowUnder(view, panel, ...place) !== undefined;
  if (!within) over(view, panel, row);
  else if (view.fan.over !== row) {
    view.fan.over = row;
    view.ask();
  }
  if (row < 0) view.card.hide();
  else view.card.show(view, panel, row, place);
  if (row >= 0 && panel.spec.picks.includes(row)) halo.light(view, panel, row);
  else if (!within) halo.dark(view);
}

// A row that no open fan holds: its pile opens, if it is a pick on others.
function over(view, panel, row) {
  if (panel && row >= 0) fan.open(view, panel, row);
  else fan.close(view);
}

function click(view, place, byTouch) {
  const label = edges.labelAt(view, ...place);
  if (label) return edges.follow(view, label);
  const [panel, row] = rowAt(view, place), open = panel && fan.rowUnder(view, panel, ...place) !== undefined;
  if (row < 0) return fan.close(view);
  if (byTouch && !open) { // no finger hovers: the first touch opens the pile, the next one chooses
    fan.open(view, panel, row);
    if (view.fan) return;
  }
  const at = panel.spec.picks.indexOf(row);
  view.walk = at < 0 ? null : { panel: panel.index, at };
  pin(view, row);
}

function pin(view, row) {
  if (!view.data.pinnable) return;
  view.data.pinned = row; // at once; Python will say the same
  view.tell("pin", { version: view.data.version, row });
  view.ask();
}

function pinch(view, panel, before, after) {
  const middle = (points) => [0, 1].map((axis) => (points[0][axis] + points[1][axis]) / 2);
  const apart = (points) => Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]) || 1;
  const [from, to] = [middle(before), middle(after)];
  view.pan(panel, to[0] - from[0], to[1] - from[1]);
  view.zoom(apart(after) / apart(before), panel, to[0] - panel.x, to[1] - panel.y);
}

function trace(view, drag, [x, y]) {
  const { panel } = drag;
  const inside = (a, b) => [Math.min(panel.width, Math.max(0, a - panel.x)), Math.min(panel.height, Math.max(0, b - panel.y))];
  const to = inside(x, y), from = inside(...drag.from);
  if (drag.tool === "box") view.outline.points = [from, [to[0], from[1]], to, [from[0], to[1]]];
  else {
    if (!view.outline.points.length) view.outline.points.push(from);
    view.outline.points.push(to);
  }
  view.ask();
}

async function select(view, panel) {
  const outline = view.outline.points.map(([x, y]) => view.toMap(panel, x, y)), key = view.placesKey;
  view.outline = null;
  if (outline.length < 3) return;
  await view.indexed; // of very many points, right after the first picture
  if (view.placesKey !== key) return;
  const rows = view.grid.inside(outline);
  view.say(`${rows.length.toLocaleString("en")} images selected.`);
  view.tell("select", { version: view.data.version, ranges: ranges(rows) });
}

export function clear(view) {
  view.say("Selection cleared.");
  view.tell("select", { version: view.data.version, ranges: [] });
}

// Whether the key meant something here.
function pressed(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const side = { "]": 1, PageDown: 1, "[": -1, PageUp: -1 }[event.key];
  if (step) walk(view, view.walk?.panel ?? 0, view.walk ? view.walk.at + step : 0);
  else if (side) walk(view, (view.walk?.panel ?? 0) + side, view.walk?.at ?? 0);
  else if (event.key === "Home") walk(view, view.walk?.panel ?? 0, 0);
  else if (event.key === "End") walk(view, view.walk?.panel ?? 0, -1);
  else if (event.key === "Enter" && view.walk) pin(view, view.panels[view.walk.panel].spec.picks[view.walk.at]);
  else if (event.key === "Escape") escape(view);
  else if (event.key === "+" || event.key === "=") moved(view, () => view.zoom(1.5));
  else if (event.key === "-") moved(view, () => view.zoom(1 / 1.5));
  else if (event.key === "0") moved(view, () => view.fit());
  else if (event.key === "p" && view.pictures.offered) view.pictures.toggle();
  else return false;
  return true;
}

function moved(view, move) {
  leave(view);
  move();
  view.say(edges.sentence(view));
}

function walk(view, index, at) {
  const panel = view.panels[(index + view.panels.length) % view.panels.length], { picks, style } = panel.spec;
  if (!picks.length) return view.say(`${panel.spec.title} has no picks.`);
  view.walk = { panel: panel.index, at: (at + picks.length) % picks.length };
  const row = picks[view.walk.at], [x, y] = view.toScreen(panel, row);
  if (!view.panelAt(x, y) || view.panelAt(x, y).index !== panel.index) view.pan(panel, panel.x + panel.width / 2 - x, panel.y + panel.height / 2 - y);
  fan.open(view, panel, row);
  halo.light(view, panel, row);
  view.card.show(view, panel, row, fan.seenAt(view, panel, row), (text) =>
    view.say(`${style.label} pick ${view.walk.at + 1} of ${picks.length}: ${text}. Enter pins.`));
  view.ask();
}

function escape(view) {
  view.walk = view.outline = null;
  leave(view);
  if (view.selection) clear(view);
  view.ask();
}
