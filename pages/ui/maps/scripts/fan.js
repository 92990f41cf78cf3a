// Picks that lie on each other move apart while the pointer is over them, each on a thin leg from its place.
import { pickLook } from "./marks.js";
import { marker } from "./overlay.js";

const OVERLAP = 1.5; // radii between two middles, below which they are a pile
const MOST = 36, APART = 7, REST = 12, OPENING = 130; // picks; pixels between marks, and around all; milliseconds

// What a pile was opened for; another camera, size or choice of picks closes it.
const stampOf = (view, panel) => [view.camera.x, view.camera.y, view.camera.zoom, panel.width, panel.height, panel.spec.picks.join()].join(" ");

// The picks that lie on one: places in the order of ranks, itself among them.
export function pile(view, panel, at) {
  const { picks } = panel.spec, reach = OVERLAP * pickLook(view, panel).radius, [x, y] = view.toScreen(panel, picks[at]);
  const found = [];
  picks.forEach((row, other) => {
    const [px, py] = view.toScreen(panel, row), distance = Math.hypot(px - x, py - y);
    if (distance <= reach) found.push({ at: other, row, from: [px, py], distance });
  });
  if (found.length <= MOST) return found;
  return found.sort((a, b) => a.distance - b.distance || a.at - b.at).slice(0, MOST).sort((a, b) => a.at - b.at);
}

// Open the pile of a pick, if it is one.
export function open(view, panel, row) {
  if (view.pictures.on) return close(view); // which says how many lie under a picture
  const at = panel.spec.picks.indexOf(row), members = at < 0 || view.hiddenMethods.has(panel.spec.style.label) ? [] : pile(view, panel, at);
  if (members.length < 2) return close(view);
  const mean = [0, 1].map((axis) => members.reduce((sum, member) => sum + member.from[axis], 0) / members.length);
  const size = Math.max(5, pickLook(view, panel).radius), spacing = 2 * size + APART;
  const { spots, reach } = rings(members.length, spacing);
  const keep = (value, from, length) => Math.min(Math.max(value, from + reach + size), Math.max(from + length - reach - size, from + length / 2));
  const middle = [keep(mean[0], panel.x, panel.width), keep(mean[1], panel.y, panel.height)];
  // By their direction from the middle, so that legs do not cross.
  const ordered = [...members].sort((a, b) => angle(a, mean) - angle(b, mean) || a.at - b.at);
  ordered.forEach((member, place) => (member.to = [middle[0] + spots[place][0], middle[1] + spots[place][1]]));
  view.fan = { panel: panel.index, row, members: ordered, middle, mean, size, reach: reach + size + REST, opened: performance.now(), stamp: stampOf(view, panel) };
  view.ask();
}

const angle = ({ from }, [x, y]) => Math.round(8 * Math.atan2(from[1] - y, from[0] - x)) / 8;

// Spots around the origin that are `spacing` apart: a ring, then a wider one.
function rings(count, spacing) {
  const spots = [];
  let radius = Math.max(spacing, (Math.min(count, 10) * spacing) / (2 * Math.PI));
  while (spots.length < count) {
    const fitting = Math.floor((2 * Math.PI * radius) / spacing), here = Math.min(fitting, count - spots.length);
    for (let at = 0; at < here; at++) {
      const turn = (2 * Math.PI * at) / here - Math.PI / 2;
      spots.push([radius * Math.cos(turn), radius * Math.sin(turn)]);
    }
    radius += spacing;
  }
  return { spots, reach: radius - spacing };
}

export function close(view) {
  if (view.fan) view.ask();
  view.fan = null;
}

// Under a place of the stage: undefined where no fan is, the row of a pick, or -1 between them.
export function rowUnder(view, panel, x, y) {
  const { fan } = view;
  if (!fan || fan.panel !== panel.index || fan.stamp !== stampOf(view, panel)) return undefined;
  if (Math.hypot(x - fan.middle[0], y - fan.middle[1]) > fan.reach) return undefined;
  let best = -1, least = fan.size + APART / 2 + 1;
  for (const { row, to } of fan.members) {
    const distance = Math.hypot(to[0] - x, to[1] - y);
    if (distance < least) [best, least] = [row, distance];
  }
  const [px, py] = view.toScreen(panel, fan.row); // where the pointer was when it opened
  return best < 0 && Math.hypot(px - x, py - y) <= fan.size ? fan.row : best;
}

// Where a pick is to be seen: on its leg, if it is on one.
export function seenAt(view, panel, row) {
  const member = view.fan?.panel === panel.index && view.fan.members.find((one) => one.row === row);
  return member ? member.to : view.toScreen(panel, row);
}

export function draw(context, view, panels) {
  const { fan } = view, panel = fan && panels[fan.panel];
  if (!fan) return;
  if (!panel || fan.stamp !== stampOf(view, panel)) return void (view.fan = null);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const share = still ? 1 : Math.min(1, (performance.now() - fan.opened) / OPENING), eased = 1 - (1 - share) ** 2;
  const on = ({ from, to }) => [0, 1].map((axis) => from[axis] + (to[axis] - from[axis]) * eased);
  context.save();
  context.beginPath();
  context.rect(panel.x, panel.y, panel.width, panel.height);
  context.clip();
  context.globalAlpha = 0.82 * eased;
  context.fillStyle = view.look.background;
  context.beginPath();
  context.arc(...fan.middle, fan.reach - REST / 2, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1;
  context.strokeStyle = view.look.text;
  context.beginPath();
  for (const member of fan.members) {
    context.moveTo(...member.from);
    context.lineTo(...on(member));
  }
  context.stroke();
  context.fillStyle = view.look.text;
  for (const { from } of fan.members) {
    context.beginPath();
    context.arc(...from, 1.5, 0, 2 * Math.PI);
    context.fill();
  }
  const { style } = panel.spec;
  for (const member of fan.members) mark(context, view, style, member, on(member), fan.size);
  context.restore();
  if (share < 1) view.ask();
}

function mark(context, view, style, member, [x, y], size) {
  const marked = view.fan.over === member.row || (view.walk && view.walk.panel === view.fan.panel && view.walk.at === member.at);
  if (marked) {
    context.beginPath();
    context.arc(x, y, size + 4, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = view.look.text;
    context.stroke();
  }
  marker(context, style.corners, x, y, size);
  context.globalAlpha = view.isDimmed(member.row) ? 0.4 : 1;
  context.fillStyle = style.colour;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1.2;
  context.strokeStyle = view.data.pinned === member.row ? view.look.accent : view.look.outline;
  context.stroke();
}
